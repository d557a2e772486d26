/**
 * A bot in ten lines, with the library: whoever says "!echo hello" hears "hello" back, and a server that was away finds it again.
 * Run: node --import tsx examples/bot.ts [HOST PORT]
 */
import { ChatClient } from 'partyline';

const [host = '127.0.0.1', port = '9999'] = process.argv.slice(2);
const bot = await ChatClient.connect({ host, port: Number(port), name: 'Echo', id: 'echo-bot' });
for await (const { Kind, Room, Text } of bot.messages()) {
  const [, text] = /^!echo (.+)/s.exec(Text) ?? [];
  if (Kind === 'chat' && text !== undefined) await bot.send(text, { room: Room });
}
