/**
 * The settings of both programs: a flag wins over the environment, the environment over the file that `--config` names.
 * The rows of flags and variables are in `config/`; this is the door. Knows no socket and no terminal.
 */
import { chooseCommand, CLIENT_OPTIONS } from './config/client-commands.ts';
import { clientSettings, type ClientSettings } from './config/client-settings.ts';
import { type Option, readOptions, refuseSecrets } from './config/options.ts';
import { SERVER_EPILOGUE, SERVER_OPTIONS, serverSettings, type ServerSettings } from './config/server-options.ts';

export type { Bell } from './config/client-options.ts';
export type { ClientCommandName, ClientSettings } from './config/client-settings.ts';
export type { LogInSettings } from './config/log-in-options.ts';
export { DEFAULT_SERVER_SETTINGS, type LogFormat, type LogLevel, type ServerSettings } from './config/server-options.ts';
export { HelpRequested, settingsOrExit, UsageError } from './config/usage.ts';

/**
 * @param argv the arguments after the program's name, `process.argv.slice(2)`
 * @throws UsageError, HelpRequested; `settingsOrExit` turns both into the end of the process
 */
export function readServerSettings(argv: readonly string[], env: NodeJS.ProcessEnv): ServerSettings {
  const program = {
    name: 'partyline-server',
    about: 'The server of the room: people and programs join it over JSON-RPC on TCP.',
    options: SERVER_OPTIONS,
    epilogue: SERVER_EPILOGUE,
    otherVariables: variables(CLIENT_OPTIONS),
  };
  return serverSettings(readOptions(program, argv, env));
}

/** As `readServerSettings`, for the terminal client and its commands. */
export function readClientSettings(argv: readonly string[], env: NodeJS.ProcessEnv): ClientSettings {
  // Before any word is quoted: the one behind such a flag is the secret.
  refuseSecrets(argv);
  const { chosen, rest } = chooseCommand(argv);
  const otherVariables = [...variables(CLIENT_OPTIONS), ...variables(SERVER_OPTIONS)];
  return clientSettings(chosen.command, readOptions({ ...chosen, otherVariables }, rest, env), env);
}

function variables(options: readonly Option<unknown>[]): readonly string[] {
  return options.map((option) => option.variable);
}
