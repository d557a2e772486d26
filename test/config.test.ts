/** Settings: where they come from, what wins, and what is refused with which words. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { DEFAULT_SERVER_SETTINGS, HelpRequested, readClientSettings, readServerSettings, UsageError } from '../commons/config.ts';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { VERSION } from '../commons/version.ts';
import { ROOT } from './support/root.ts';

const server = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) => readServerSettings(argv, env);
const client = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) => readClientSettings(argv, env);

function usage(read: () => unknown, message: RegExp | string): void {
  assert.throws(read, (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.equal(error.exitStatus, 2);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

/** A file with these lines that lives as long as the test. */
function file(t: TestContext, ...lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'partyline-config-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'server.env');
  writeFileSync(path, lines.join('\n'));
  return path;
}

test('without anything given, the documented defaults hold', () => {
  assert.deepEqual(server([]), DEFAULT_SERVER_SETTINGS);
  assert.deepEqual(
    { ...DEFAULT_SERVER_SETTINGS, limits: 0 },
    {
      host: '0.0.0.0',
      port: 9999,
      dataDir: './data',
      callbackAllow: [],
      messagesPerSecond: 20,
      membersOnly: false,
      logLevel: 'info',
      logFormat: 'auto',
      logMessages: true,
      limits: 0,
    },
  );
  assert.deepEqual(client([]), {
    command: 'talk',
    operands: [],
    server: { host: '127.0.0.1', port: 9999 },
    callback: 'auto',
    json: false,
    color: 'auto',
    bell: 'mentions',
    state: join(homedir(), '.local', 'state', 'partyline'),
    squeeze: false,
    waitDelivered: false,
    timeoutMs: 5_000,
    logLevel: 'warn',
  });
});

test('a flag wins over the environment, the environment over the file, the file over the default', (t) => {
  const path = file(
    t,
    'PARTYLINE_RATE=1',
    'PARTYLINE_LOG_LEVEL=debug',
    '# a comment',
    'OTHER=thing',
    'PARTYLINE_LISTEN="[::1]:1"',
    'PARTYLINE_NAME=bob',
  );
  const env = { PARTYLINE_RATE: '2', PARTYLINE_LOG_LEVEL: 'warn', PARTYLINE_CONFIG: path };
  const settings = server(['--rate', '3'], env);
  assert.equal(settings.messagesPerSecond, 3);
  assert.equal(settings.logLevel, 'warn');
  assert.deepEqual([settings.host, settings.port], ['::1', 1]);
  assert.equal(settings.logFormat, 'auto');
  assert.equal(server(['--config', path], {}).messagesPerSecond, 1);
  assert.equal(client(['--config', path], {}).name, 'bob');
});

test('every flag of the server has a twin in the environment', () => {
  const flags = [
    '--listen',
    ':0',
    '--data',
    '/d',
    '--callback-allow',
    '10.0.0.0/8',
    '--rate',
    '0',
    '--members-only',
    '--log-level',
    'silent',
    '--log-format',
    'json',
    '--no-log-messages',
  ];
  const env = {
    PARTYLINE_LISTEN: ':0',
    PARTYLINE_DATA: '/d',
    PARTYLINE_CALLBACK_ALLOW: '10.0.0.0/8',
    PARTYLINE_RATE: '0',
    PARTYLINE_MEMBERS_ONLY: 'yes',
    PARTYLINE_LOG_LEVEL: 'silent',
    PARTYLINE_LOG_FORMAT: 'json',
    PARTYLINE_LOG_MESSAGES: 'no',
  };
  assert.deepEqual(server(flags), server([], env));
  assert.deepEqual(
    { ...server(flags), limits: 0 },
    {
      host: '0.0.0.0',
      port: 0,
      dataDir: '/d',
      callbackAllow: ['10.0.0.0/8'],
      messagesPerSecond: 0,
      membersOnly: true,
      logLevel: 'silent',
      logFormat: 'json',
      logMessages: false,
      limits: 0,
    },
  );
  assert.equal(server([], { PARTYLINE_MEMORY: 'TRUE' }).dataDir, null);
});

test('every flag of the client has a twin in the environment', () => {
  const flags = [
    '--server',
    'chat.example:1',
    '--name',
    'Ann',
    '--id',
    'ann-1',
    '--user',
    'Anna',
    '--sign-up',
    '--password-file',
    '/p',
    '--callback',
    'inline',
    '--json',
    '--no-color',
    '--bell',
    'all',
    '--history',
    '7',
    '--state',
    '/s',
    '--squeeze',
    '--log-file',
    'l',
    '--log-level',
    'info',
  ];
  const env = {
    PARTYLINE_SERVER: 'chat.example:1',
    PARTYLINE_NAME: 'Ann',
    PARTYLINE_ID: 'ann-1',
    PARTYLINE_USER: 'Anna',
    PARTYLINE_SIGN_UP: 'on',
    PARTYLINE_PASSWORD_FILE: '/p',
    PARTYLINE_CALLBACK: 'inline',
    PARTYLINE_JSON: '1',
    PARTYLINE_COLOR: 'off',
    PARTYLINE_BELL: 'all',
    PARTYLINE_HISTORY: '7',
    PARTYLINE_STATE: '/s',
    PARTYLINE_SQUEEZE: 'yes',
    PARTYLINE_LOG_FILE: 'l',
    PARTYLINE_LOG_LEVEL: 'info',
  };
  assert.deepEqual(client(flags), client([], env));
  assert.deepEqual(client(flags), {
    command: 'talk',
    operands: [],
    server: { host: 'chat.example', port: 1 },
    name: 'Ann',
    id: 'ann-1',
    logIn: { user: 'Anna', signUp: true, passwordFile: '/p' },
    callback: 'inline',
    json: true,
    color: false,
    bell: 'all',
    state: '/s',
    squeeze: true,
    history: 7,
    waitDelivered: false,
    timeoutMs: 5_000,
    logFile: 'l',
    logLevel: 'info',
  });
});

test('the commands of the client have flags and twins of their own, and take flags before and after their word', () => {
  const send = client(['--server', 'h:1', 'send', '--wait-delivered', '--timeout', '7', 'two', 'words', '--', '--three']);
  assert.deepEqual(
    [send.command, send.operands, send.server.host, send.waitDelivered, send.timeoutMs, send.callback],
    ['send', ['two', 'words', '--three'], 'h', true, 7, 'none'],
  );
  const twins = client(['send'], { PARTYLINE_WAIT_DELIVERED: 'yes', PARTYLINE_TIMEOUT: '7', PARTYLINE_CALLBACK: 'inline' });
  assert.deepEqual([twins.waitDelivered, twins.timeoutMs, twins.callback, twins.operands], [true, 7, 'inline', []]);
  const tail = client(['--name', 'send', 'tail', '--since', '0', '--history', '3', '--json']);
  assert.deepEqual([tail.command, tail.name, tail.since, tail.history, tail.json, tail.callback], ['tail', 'send', 0, 3, true, 'auto']);
  assert.equal(client(['tail'], { PARTYLINE_SINCE: '9' }).since, 9);
});

test('a word that is no command is refused with the nearest one, and so is a flag of another command', () => {
  usage(() => client(['--no-color', 'sned', 'x']), 'There is no command "sned". Did you mean send?');
  usage(() => client(['tail', 'x']), /too many arguments/);
  usage(() => client(['--', 'send']), /too many arguments/);
  usage(() => client(['send', '--since', '1']), /--since/);
  usage(() => client(['tail', '--wait-delivered']), /--wait-delivered/);
  usage(() => client(['tail', '--since', '-1']), /--since/);
  usage(() => client(['--history', '1001']), '--history must be a whole number from 0 to 1000, not "1001".');
  usage(() => client(['send', '--timeout', '30001']), /--timeout must be a whole number from 0 to 30000/);
});

test('the place where one left off is kept where the XDG specification says, unless a relative path is given for it', () => {
  assert.equal(client([], { XDG_STATE_HOME: '/x' }).state, '/x/partyline');
  assert.equal(client([], { XDG_STATE_HOME: 'x' }).state, client([]).state);
  assert.equal(client(['--state', 'here'], { XDG_STATE_HOME: '/x' }).state, 'here');
});

test('an empty variable counts as not set', (t) => {
  const path = file(t, 'PARTYLINE_RATE=7', 'PARTYLINE_DATA=');
  assert.equal(server(['--config', path], { PARTYLINE_RATE: '', PARTYLINE_MEMORY: '', PARTYLINE_CONFIG: '' }).messagesPerSecond, 7);
  assert.equal(server(['--config', path]).dataDir, './data');
  usage(() => server(['--data', '']), '--data must not be empty.');
});

test('NO_COLOR turns colours off unless the setting says otherwise', () => {
  assert.equal(client([], { NO_COLOR: '1' }).color, false);
  assert.equal(client([], { NO_COLOR: '' }).color, 'auto');
  assert.equal(client([], { NO_COLOR: '1', PARTYLINE_COLOR: 'true' }).color, true);
});

const ADDRESSES: readonly (readonly [text: string, host: string, port: number])[] = [
  ['127.0.0.1:9999', '127.0.0.1', 9999],
  [':9999', '0.0.0.0', 9999],
  [':0', '0.0.0.0', 0],
  ['localhost:65535', 'localhost', 65535],
  ['chat-1.example.org:1', 'chat-1.example.org', 1],
  ['[::1]:80', '::1', 80],
  ['[::]:0', '::', 0],
];
for (const [text, host, port] of ADDRESSES) {
  test(`--listen takes ${text}`, () => {
    const settings = server(['--listen', text]);
    assert.deepEqual([settings.host, settings.port], [host, port]);
  });
}

const BAD_ADDRESSES = [
  '',
  '9999',
  'host',
  '::1:80',
  '[::1]',
  '[::1',
  '[127.0.0.1]:1',
  'h:65536',
  'h:-1',
  'h:1.5',
  'h:',
  'h: 1',
  'h:0x1',
  'h:999999',
  '127.1:1',
  '256.0.0.1:1',
  '2130706433:1',
  'a b:1',
  '-x:1',
  'a..b:1',
  '*:1',
  'h:1\n',
  '\u001b[2J:1',
];
for (const text of BAD_ADDRESSES) {
  test(`--listen refuses ${JSON.stringify(text)} and says what it takes`, () => {
    usage(() => server([`--listen=${text}`]), /^--listen must (be|have) [ -~]+\.$/);
  });
}

test('whatever the address is, reading it gives an address or a usage error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        const { host, port } = server([], { PARTYLINE_LISTEN: text });
        assert.ok(host !== '' && Number.isInteger(port) && port >= 0 && port <= 65_535);
      } catch (error) {
        assert.ok(error instanceof UsageError);
      }
    }),
  );
});

test('a server to join has a port of its own', () => {
  usage(() => client(['--server', 'localhost:0']), '--server must have a port from 1 to 65535, not "0".');
  assert.deepEqual(client(['--server', ':7']).server, { host: '127.0.0.1', port: 7 });
});

test('networks are checked, added up, and an address alone is a network of one', () => {
  assert.deepEqual(server(['--callback-allow', '10.0.0.0/8, fd00::/8', '--callback-allow', '192.0.2.1,::1']).callbackAllow, [
    '10.0.0.0/8',
    'fd00::/8',
    '192.0.2.1/32',
    '::1/128',
  ]);
  for (const bad of ['10.0.0.0/33', 'fd00::/129', '10/8', '10.0.0.0/', '10.0.0.0/8/8', 'localhost', '10.0.0.0/-1', '10.0.0.0/1e1']) {
    usage(() => server(['--callback-allow', bad]), /^--callback-allow must be networks such as/);
  }
  // What could not be called is no reason to start and fail later.
  for (const bad of ['10.0.0.1/8', 'fd00::1/8', '0.0.0.0/32', '224.0.0.0/4', '::ffff:10.0.0.0/104', 'fe80::%eth0/64'])
    usage(() => server([], { PARTYLINE_CALLBACK_ALLOW: `10.0.0.0/8,${bad}` }), /^PARTYLINE_CALLBACK_ALLOW must be networks such as/);
  usage(
    () => server(['--callback-allow', '10.0.0.1/8']),
    '--callback-allow must be networks such as 10.0.0.0/8 or fd00::/8, divided by commas: "10.0.0.1/8" is not a network: it has bits beyond its prefix.',
  );
});

test('bad values name the flag, or the variable and its place, and the rule', (t) => {
  usage(() => server(['--rate', '-1']), '--rate must be a whole number from 0 to 1000000, not "-1".');
  usage(() => server(['--rate', '1.5']), /whole number/);
  usage(() => server([], { PARTYLINE_RATE: 'fast' }), 'PARTYLINE_RATE must be a whole number from 0 to 1000000, not "fast".');
  usage(() => server([], { PARTYLINE_MEMORY: 'maybe' }), 'PARTYLINE_MEMORY must be true or false, not "maybe".');
  usage(() => server(['--log-level', 'loud']), /^--log-level must be one of trace, debug, info, warn, error, fatal, silent, not "loud"\.$/);
  const path = file(t, 'PARTYLINE_RATE=x');
  usage(() => server(['--config', path]), `PARTYLINE_RATE in ${path} must be a whole number from 0 to 1000000, not "x".`);
  usage(() => client(['--callback', 'sideways']), /^--callback must be HOST:PORT/);
  usage(
    () => client(['--name', 'a\u202eb']),
    '--name cannot be used: Name must not contain U+202E: only visible characters and single blanks.',
  );
  usage(() => client(['--name', 'System']), '--name cannot be used: Name "System" is reserved.');
});

test('a mistyped flag or variable is refused with the nearest name', (t) => {
  usage(() => server(['--lisen', ':1']), "unknown option '--lisen' (Did you mean --listen?)");
  usage(() => server(['extra']), /too many arguments/);
  const path = file(t, 'PARTYLINE_LISTN=:1');
  usage(() => server(['--config', path]), `${path}: unknown name PARTYLINE_LISTN. Did you mean PARTYLINE_LISTEN?`);
  const far = file(t, 'PARTYLINE_COLOUR_OF_THE_SKY=blue');
  usage(() => server(['--config', far]), `${far}: unknown name PARTYLINE_COLOUR_OF_THE_SKY.`);
  const lower = file(t, 'partyline_rate=1');
  usage(() => server(['--config', lower]), `${lower}: unknown name partyline_rate. Did you mean PARTYLINE_RATE?`);
  const colon = file(t, 'PARTYLINE_RATE: 5');
  usage(() => server(['--config', colon]), `${colon}: PARTYLINE_RATE needs the form PARTYLINE_RATE=value.`);
});

test('variables that an orchestrator invents are left alone', () => {
  assert.deepEqual(server([], { PARTYLINE_PORT: 'tcp://10.0.0.1:9999', PARTYLINE_SERVICE_HOST: '10.0.0.1' }), DEFAULT_SERVER_SETTINGS);
});

test('a file that cannot be read is a usage error', () => {
  usage(() => server(['--config', '/nowhere/at-all.env']), '--config: cannot read /nowhere/at-all.env (ENOENT).');
  usage(() => server([], { PARTYLINE_CONFIG: '/' }), '--config: cannot read / (EISDIR).');
});

test('keeping data and keeping nothing exclude each other in one place; the stronger place decides between two', (t) => {
  const both = file(t, 'PARTYLINE_MEMORY=1', 'PARTYLINE_DATA=/d');
  usage(() => server(['--memory', '--data', '/d']), '--memory and --data exclude each other.');
  usage(() => server([], { PARTYLINE_MEMORY: '1', PARTYLINE_DATA: '/d' }), 'PARTYLINE_MEMORY and PARTYLINE_DATA exclude each other.');
  usage(() => server(['--config', both]), /exclude each other/);
  assert.equal(server(['--memory'], { PARTYLINE_DATA: '/d' }).dataDir, null);
  assert.equal(server(['--data', '/d'], { PARTYLINE_MEMORY: '1' }).dataDir, '/d');
  assert.equal(server(['--data', '/d'], { PARTYLINE_MEMORY: '0' }).dataDir, '/d');
  assert.equal(server(['--memory']).dataDir, null);
});

test('each limit that is one number has a variable, bounded so that its timer cannot fire at once', () => {
  assert.equal(server([], { PARTYLINE_LIMIT_FRAME_BYTES: '1024' }).limits.frameBytes, 1024);
  assert.equal(server([], { PARTYLINE_LIMIT_DRAIN_MS: '0' }).limits.drainMs, 0);
  assert.deepEqual({ ...server([], { PARTYLINE_LIMIT_CALL_MS: '9' }).limits, callMs: 5_000 }, DEFAULT_LIMITS);
  usage(
    () => server([], { PARTYLINE_LIMIT_CALL_MS: '2147483648' }),
    /^PARTYLINE_LIMIT_CALL_MS must be a whole number from 1 to 2147483647/,
  );
  // The lives of tokens are compared with the calendar: they may be longer than a timer can wait.
  assert.equal(server([], { PARTYLINE_LIMIT_TOKEN_MS: '31536000000' }).limits.tokenMs, DEFAULT_LIMITS.tokenMs);
  usage(() => server([], { PARTYLINE_LIMIT_FRAME_BYTES: '0' }), /from 1 to/);
  usage(() => server([], { PARTYLINE_LIMIT_FRAME_BYTES: '64k' }), /whole number/);
});

test('a limit that could not have an effect has no variable', (t) => {
  const path = file(t, 'PARTYLINE_LIMIT_NAME_CHARACTERS=64');
  usage(() => server(['--config', path]), /unknown name PARTYLINE_LIMIT_NAME_CHARACTERS/);
});

test('secrets are never taken from a flag, and the refusal does not repeat them', () => {
  // The word behind such a flag could pass for a command.
  for (const words of [['--password', 'hunter2'], ['send', '--token', 'hunter2'], ['--Token=hunter2'], ['--session=hunter2']])
    assert.throws(
      () => client(words),
      (error) => error instanceof UsageError && /is not a flag/.test(error.message) && !error.message.includes('hunter2'),
    );
  for (const flag of ['--secret=hunter2', '--Password=hunter2']) {
    assert.throws(
      () => client([flag]),
      (error) => error instanceof UsageError && /is not a flag.*PARTYLINE_/.test(error.message) && !error.message.includes('hunter2'),
    );
  }
  assert.equal(client([], { PARTYLINE_SECRET: 'hunter2' }).secret, 'hunter2');
  assert.deepEqual(client(['--user', 'Ann'], { PARTYLINE_PASSWORD: 'hunter2' }).logIn, { user: 'Ann', signUp: false, password: 'hunter2' });
  assert.equal(client(['send'], { PARTYLINE_ROOM_PASSWORD: 'hunter2' }).roomPassword, 'hunter2');
});

test('help names every flag and variable, and version is the package’s', () => {
  const text = (read: () => unknown): string => {
    try {
      read();
    } catch (error) {
      if (error instanceof HelpRequested) return error.text;
      throw error;
    }
    return assert.fail('no help');
  };
  const help = text(() => server(['--help']));
  for (const word of [
    '--listen',
    '--data',
    '--memory',
    '--config',
    '--callback-allow',
    '--rate',
    '--log-level',
    '--log-format',
    '--no-log-messages',
    'PARTYLINE_LISTEN',
    'PARTYLINE_LIMIT_QUEUE_OFFER_MS=5000',
  ]) {
    assert.ok(help.includes(word), word);
  }
  for (const word of ['--server', '--name', '--callback', '--json', '--no-color', '--bell', 'PARTYLINE_SECRET', '130 interrupted']) {
    assert.ok(text(() => client(['-h'])).includes(word), word);
  }
  assert.equal(
    text(() => server(['--version'])),
    `${VERSION}\n`,
  );
  assert.match(VERSION, /^\d+\.\d+\.\d+/);
});

test('a program ends with status 0 and stdout for help, with status 2 and stderr for wrong usage', () => {
  const config = pathToFileURL(join(ROOT, 'commons/config.ts')).href;
  const run = (...argv: readonly string[]) => {
    const code = `import { readServerSettings, settingsOrExit } from '${config}';
      const { port } = settingsOrExit(() => readServerSettings(process.argv.slice(1), {})); process.stdout.write(String(port));`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code, '--', ...argv], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    return { status, stdout, stderr };
  };
  assert.deepEqual(run('--listen', ':8'), { status: 0, stdout: '8', stderr: '' });
  assert.deepEqual(run('--version'), { status: 0, stdout: `${VERSION}\n`, stderr: '' });
  assert.deepEqual(run('--rate', 'x'), {
    status: 2,
    stdout: '',
    stderr: '--rate must be a whole number from 0 to 1000000, not "x".\nTry --help.\n',
  });
});

test('a password needs an account, and of two the one from the stronger place counts', () => {
  usage(() => client([], { PARTYLINE_PASSWORD: 'hunter2' }), /^PARTYLINE_PASSWORD is the password of an account: name it with --user/);
  usage(() => client(['--password-file', '-']), /^--password-file is the password of an account/);
  usage(() => client([], { PARTYLINE_PASSWORD_FILE: '-' }), /^PARTYLINE_PASSWORD_FILE is the password of an account/);
  usage(
    () => client(['--user', 'Ann'], { PARTYLINE_PASSWORD: 'hunter2', PARTYLINE_PASSWORD_FILE: '-' }),
    'PARTYLINE_PASSWORD and PARTYLINE_PASSWORD_FILE exclude each other.',
  );
  const both = client(['--user', 'Ann', '--password-file', '-'], { PARTYLINE_PASSWORD: 'hunter2' });
  assert.deepEqual(both.logIn, { user: 'Ann', signUp: false, passwordFile: '-' });
  usage(() => client(['--sign-up']), '--sign-up opens an account: name it with --user, or set PARTYLINE_USER.');
  usage(() => client(['--user', 'a:b']), /^--user cannot be used: Name must not contain/);
});

test('a message of send goes to a room or to one person, and only from a room can receipts come', () => {
  const { room, to } = client(['send', '--room', 'K7MHPA']);
  assert.deepEqual([room, to], ['K7MHPA', undefined]);
  assert.equal(client(['send', '--to', 'Bob']).to, 'Bob');
  usage(() => client(['send', '--to', 'Bob', '--room', 'K7MHPA']), /^--to and --room exclude each other/);
  usage(() => client(['send', '--to', 'Bob', '--wait-delivered']), /^--to and --wait-delivered exclude each other/);
});
