#!/usr/bin/env node
/**
 * The terminal client, as a table of contents: settings, name, what ends it, and the session whose outcome is the exit
 * status. Stdout has messages only; everything else goes to stderr.
 */
import { askName, loginName } from './client/terminal/ask-name.ts';
import { watchForEnd } from './client/terminal/ending.ts';
import { EXIT } from './client/terminal/exit-status.ts';
import { runSession } from './client/terminal/session.ts';
import { readClientSettings, settingsOrExit } from './commons/config.ts';

const settings = settingsOrExit(() => readClientSettings(process.argv.slice(2), process.env));

const name = settings.name ?? settings.logIn?.user ?? (settings.command === 'talk' ? await askName() : loginName());
if (name === undefined) {
  process.stderr.write('A name is needed: give --name, or set PARTYLINE_NAME.\nTry --help.\n');
  process.exit(EXIT.usage);
}

// Not before the name was asked for: until then Ctrl+C must end the process without our help.
const ending = watchForEnd();

// Streams that are terminals, pipes or files are written synchronously: nothing is lost by not waiting for the event loop to run dry.
process.exit(await ending.last(await runSession(settings, name, ending)));
