/**
 * A bot in ten lines that needs no library: whoever says "!echo hello" hears "hello" back.
 * Run: node --import tsx examples/bot.ts [HOST PORT]
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

type Call = { id?: number; method?: string; params?: { Message?: { Text: string } }; error?: { message: string } };

const [host = '127.0.0.1', port = '9999'] = process.argv.slice(2);
const server = connect(Number(port), host);
const send = (frame: object) => server.write(`${JSON.stringify({ jsonrpc: '2.0', ...frame })}\n`);
send({ id: 1, method: 'ChatServer.Register', params: { ID: 'echo-bot', Name: 'Echo', Callback: 'inline' } });
for await (const line of createInterface(server)) {
  const { id, method, params, error }: Call = JSON.parse(line);
  if (error) throw new Error(error.message);
  if (method) send({ id, result: { Success: true } });
  const [, text] = /^!echo (.+)/s.exec(params?.Message?.Text ?? '') ?? [];
  if (text) send({ method: 'ChatServer.SendMessage', params: { UserID: 'echo-bot', Text: text } });
}
