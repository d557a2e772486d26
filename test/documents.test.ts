/**
 * The documents tell the truth: their tables are compared with the tables that the code runs on, their figures with the
 * limits, their code blocks with files, and every path and link that they name has to exist.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import test from 'node:test';
import * as v from 'valibot';
import { EXIT } from '../client/terminal/exit-status.ts';
import { HelpRequested, readClientSettings, readServerSettings } from '../commons/config.ts';
import { ERRORS } from '../commons/errors.ts';
import { DEFAULT_LIMITS } from '../commons/limits.ts';
import { CLIENT_METHODS, Message, SERVER_METHODS } from '../commons/protocol.ts';
import { VERSION } from '../commons/version.ts';
import { at } from './support/line-client.ts';
import { anchors, codeBlocks, codeSpans, fieldPaths, links, readDocument, ROOT, section, tableRows } from './support/markdown.ts';
import { startRoom } from './support/room.ts';

const PROTOCOL = readDocument('docs/PROTOCOL.md');
const README = readDocument('README.md');
/** Every page that people read; the rules about links, paths and figures hold for each of them. */
const PAGES = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter(
  (path) => path.endsWith('.md'),
);

// Methods and messages

/** The fields of a schema in the form of `fieldPaths`. */
function schemaPaths(schema: v.GenericSchema, prefix = ''): string[] {
  const inside = unwrapped(schema);
  if (inside.type === 'array' && 'item' in inside && isSchema(inside.item)) return schemaPaths(inside.item, `${prefix.slice(0, -1)}[].`);
  if (!('entries' in inside)) return [];
  const fields = Object.entries(v.parse(Entries, inside.entries)).flatMap(([name, field]) => [
    `${prefix}${name}${field.type === 'optional' ? '?' : ''}`,
    ...schemaPaths(field, `${prefix}${name}.`),
  ]);
  return inside.type === 'loose_object' ? [...fields, '…'] : fields;
}

function unwrapped(schema: v.GenericSchema): v.GenericSchema {
  return schema.type === 'optional' && 'wrapped' in schema && isSchema(schema.wrapped) ? unwrapped(schema.wrapped) : schema;
}

function isSchema(value: unknown): value is v.GenericSchema {
  return at(value, 'kind') === 'schema';
}

const Entries = v.record(v.string(), v.custom<v.GenericSchema>(isSchema));

/** The one code span of a cell, '' for an empty cell. */
function code(cell: string | undefined): string {
  const spans = codeSpans(cell ?? '');
  assert.ok(spans.length <= 1, `more than one code span: ${cell}`);
  return spans[0] ?? '';
}

/** A result as a page shows it: a bare string as it is, an object as its fields. */
function resultPaths(shorthand: string): string[] {
  if (shorthand.startsWith('"')) return [shorthand];
  // What stands for a name, a limit or a feature is no field.
  return fieldPaths(shorthand.replaceAll(/\[\w+\]|\{\w+\}/g, '""'));
}

function schemaResult(result: v.GenericSchema): string[] {
  return result.type === 'literal' && 'literal' in result ? [JSON.stringify(result.literal)] : schemaPaths(result);
}

test('every method that is served stands in section 4, with exactly its params and its result', () => {
  const rows = tableRows(section(PROTOCOL, '4. Server methods'), 'method');
  assert.deepEqual(
    rows.map(([name]) => code(name)),
    Object.keys(SERVER_METHODS),
  );
  for (const [name, { params, result }] of Object.entries(SERVER_METHODS)) {
    const [, onPage, returned] = rows.find((row) => code(row[0]) === name) ?? [];
    assert.deepEqual(fieldPaths(code(onPage)), schemaPaths(params), `params of ${name}`);
    const fields = schemaResult(result);
    const beyond = fields[0] === 'Success' ? fields.slice(1) : fields;
    assert.deepEqual(resultPaths(code(returned)), beyond, `result of ${name}`);
    assert.ok(fields[0] === 'Success' || !('entries' in result) || result.type === 'loose_object', `${name} has no Success`);
  }
});

test('every callback stands in section 5, with exactly its params and its result', () => {
  const rows = tableRows(section(PROTOCOL, '5. Callbacks'), 'method');
  assert.deepEqual(
    rows.map(([name, params, result]) => [code(name), fieldPaths(code(params)), fieldPaths(code(result))]),
    Object.entries(CLIENT_METHODS).map(([name, { params, result }]) => [name, Object.keys(params.entries), schemaPaths(result)]),
  );
});

test('every field of a message and every kind of it is explained', () => {
  const rows = tableRows(PROTOCOL, '`Message` field');
  assert.deepEqual(
    rows.map(([field]) => code(field)),
    Object.keys(Message.entries),
  );
  const kinds = rows.find(([field]) => field === '`Kind`')?.[1] ?? '';
  assert.deepEqual(codeSpans(kinds), Message.entries.Kind.options);
});

test('every method that the protocol names is served, and its features are those that Info tells', async () => {
  const room = await startRoom();
  try {
    const client = await room.connect();
    const features = at(await client.call('ChatServer.Info'), 'result', 'Features');
    const line = PROTOCOL.split('\n').find((text) => text.startsWith('`Features` is: ')) ?? '';
    assert.deepEqual(features, codeSpans(line).slice(1));
  } finally {
    await room.stop();
  }
  const named = [...PROTOCOL.matchAll(/\b(?:ChatServer|ClientCallback|rpc)\.[A-Za-z]+/g)].map(([name]) => name);
  const served = [...Object.keys(SERVER_METHODS), ...Object.keys(CLIENT_METHODS)];
  assert.deepEqual(
    named.filter((name) => !served.includes(name)),
    [],
  );
});

test('every error of the catalogue stands in section 8, with its code and whether trying again can help', () => {
  const rows = tableRows(section(PROTOCOL, '8. Errors'), 'code');
  assert.deepEqual(
    rows.map(([number, reason, again]) => [Number(number), code(reason), again]),
    Object.entries(ERRORS).map(([reason, { code: number, retry }]) => [number, reason, retry ? 'yes' : 'no']),
  );
});

// Figures

function shown(value: number | readonly number[]): string {
  return [value]
    .flat()
    .map((one) => one.toLocaleString('en-US'))
    .join(' / ');
}

test('section 9 has every limit with its default and its variable', () => {
  const rows = tableRows(section(PROTOCOL, '9. Limits'), 'limit');
  assert.deepEqual(
    rows.map(([name, value]) => [code(name), value]),
    Object.entries<number | readonly number[]>({ ...DEFAULT_LIMITS }).map(([name, value]) => [name, shown(value)]),
  );
  const variables = rows.map(([, , variable]) => code(variable)).filter((variable) => variable !== '');
  assert.deepEqual(
    variables,
    variablesIn(help(readServerSettings)).filter((variable) => variable.startsWith('PARTYLINE_LIMIT_')),
  );
  for (const [name, , variable] of rows) {
    if (variable !== '')
      assert.equal(
        code(variable),
        `PARTYLINE_LIMIT_${code(name)
          .replaceAll(/(?=[A-Z])/g, '_')
          .toUpperCase()}`,
      );
  }
});

const UNITS = new Map([
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['s', 1000],
  ['minutes', 60_000],
  ['days', 86_400_000],
]);

test('a figure that stands before the name of a limit is its default, on every page', () => {
  const names = Object.keys(DEFAULT_LIMITS);
  for (const page of PAGES) {
    const text = readDocument(page).replaceAll(/\s+/g, ' ');
    const figures = [...text.matchAll(/([\d.,]+) ?([A-Za-z]*) \(`(\w+)`[):]/g)];
    for (const [whole, figure = '', unit = '', name = ''] of figures) {
      if (!names.includes(name)) continue;
      const inUnits = name === `keep${unit[0]?.toUpperCase()}${unit.slice(1)}`;
      const value = Number(figure.replaceAll(',', '')) * (inUnits ? 1 : (UNITS.get(unit) ?? 1));
      assert.equal(value, at(DEFAULT_LIMITS, name), `${page}: ${whole}`);
    }
    const mentioned = [...text.matchAll(/\(`([a-z]\w+)`[):]/g)].map(([, name]) => name ?? '');
    const checked = figures.map(([, , , name]) => name);
    for (const name of mentioned) if (names.includes(name)) assert.ok(checked.includes(name), `${page}: no figure before (${name})`);
  }
});

// Flags, variables, exit statuses

/** What `--help` of a program prints, on one line. */
function help(read: (argv: readonly string[], env: NodeJS.ProcessEnv) => unknown): string {
  try {
    read(['--help'], {});
  } catch (error) {
    if (error instanceof HelpRequested) return error.text.replaceAll(/\s+/g, ' ');
    throw error;
  }
  return assert.fail('--help was not answered');
}

function flagsIn(text: string): string[] {
  return [...new Set([...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([flag]) => flag))];
}

function variablesIn(text: string): string[] {
  return [...new Set([...text.matchAll(/PARTYLINE_[A-Z_]*[A-Z]/g)].map(([name]) => name))];
}

/** Flag and variable of each option, in the order of `--help`. */
function optionsIn(text: string): string[][] {
  return [...text.matchAll(/(--[a-z-]+)(?: <[^>]+>)? (?:(?! --[a-z]).)*?\[(PARTYLINE_\w+)\]/g)].map(([, flag = '', name = '']) => [
    flag,
    name,
  ]);
}

const PROGRAMS = [
  ['The server', readServerSettings],
  ['The client', readClientSettings],
] as const;

type Read = (argv: readonly string[], env: NodeJS.ProcessEnv) => unknown;
const COMMANDS: readonly (readonly [title: string, read: Read])[] = (['send', 'tail'] as const).map((command) => [
  `partyline ${command}`,
  (argv, env) => readClientSettings([command, ...argv], env),
]);

test('section 7 has the own flags of each command of the client and names those that it shares, as --help has them', () => {
  const shared = optionsIn(help(readClientSettings));
  assert.ok(COMMANDS.length > 0);
  for (const [title, read] of COMMANDS) {
    const text = section(PROTOCOL, title);
    const own = tableRows(text, 'flag').map(([flag, variable]) => [flagsIn(flag ?? '')[0] ?? '', code(variable)]);
    const taken = flagsIn(/^Of the client's flags it takes (.*)\.$/m.exec(text)?.[1] ?? '');
    const expected = [...own, ...shared.filter(([flag = '']) => taken.includes(flag) && !own.some(([one]) => one === flag))];
    assert.deepEqual(expected.map(String).sort(), optionsIn(help(read)).map(String).sort(), title);
  }
});

test('section 7 has the flags and variables of both programs as --help has them, and no others', () => {
  for (const [title, read] of PROGRAMS) {
    const text = help(read);
    const rows = tableRows(section(PROTOCOL, title), 'flag');
    const onPage = rows.map(([flag, variable]) => [flagsIn(flag ?? '')[0] ?? '', code(variable)]);
    assert.deepEqual(
      onPage.filter(([flag]) => flag !== ''),
      optionsIn(text),
    );
    const variables = variablesIn(text).filter((name) => !name.startsWith('PARTYLINE_LIMIT_'));
    assert.deepEqual(onPage.map(([, name]) => name).sort(), variables.sort());
  }
  const known = [...PROGRAMS, ...COMMANDS].flatMap(([, read]) => flagsIn(help(read)));
  assert.deepEqual(
    flagsIn(PROTOCOL).filter((flag) => !known.includes(flag)),
    [],
  );
});

test('the defaults of section 7 are those of the programs', () => {
  const [server, client, send] = [readServerSettings([], {}), readClientSettings([], {}), readClientSettings(['send'], {})];
  const expected: readonly (readonly [title: string, flag: string, value: unknown])[] = [
    ['The server', '--listen', `${server.host}:${server.port}`],
    ['The server', '--data', server.dataDir],
    ['The server', '--rate', server.messagesPerSecond],
    ['The server', '--log-level', server.logLevel],
    ['The server', '--log-format', server.logFormat],
    ['The client', '--server', `${client.server.host}:${client.server.port}`],
    ['The client', '--callback', client.callback],
    ['The client', '--bell', client.bell],
    ['The client', '--log-level', client.logLevel],
    ['partyline send', '--callback', send.callback],
    ['partyline send', '--timeout', send.timeoutMs],
  ];
  for (const [title, flag, value] of expected) {
    const row = tableRows(section(PROTOCOL, title), 'flag').find(([first]) => flagsIn(first ?? '')[0] === flag);
    assert.equal(code(row?.[2]), String(value), `${title} ${flag}`);
  }
  const inCode = expected.map(([title, flag]) => `${title} ${flag}`);
  for (const [title] of [...PROGRAMS, ...COMMANDS]) {
    for (const [flag = '', , fallback = ''] of tableRows(section(PROTOCOL, title), 'flag'))
      if (fallback.includes('`')) assert.ok(inCode.includes(`${title} ${flagsIn(flag)[0]}`), `${title} ${flag} is not looked at`);
  }
});

test('every variable that a page names exists', () => {
  const known = [...PROGRAMS, ...COMMANDS].flatMap(([, read]) => variablesIn(help(read)));
  for (const page of PAGES) {
    const unknown = variablesIn(readDocument(page)).filter(
      (name) => !known.includes(name) && !known.some((one) => one.startsWith(`${name}_`)),
    );
    assert.deepEqual(unknown, [], page);
  }
});

test('the exit statuses are those of the client', () => {
  const rows = tableRows(section(PROTOCOL, '7. Programs'), 'exit status');
  assert.deepEqual(
    rows.map(([status]) => Number(status)),
    Object.values(EXIT),
  );
});

test('the options of the README are those of the programs, with the defaults of the protocol', () => {
  const rows = tableRows(README, 'flag').filter(([flag]) => flag !== '');
  const protocol = tableRows(section(PROTOCOL, '7. Programs'), 'flag');
  assert.ok(rows.length > 0);
  for (const [flag, variable, fallback] of rows) {
    const same = protocol.some((row) => row[0] === flag && row[1] === variable && row[2] === fallback);
    assert.ok(same, `README: ${flag} ${variable} ${fallback}`);
  }
  const missing = protocol.map(([flag]) => flag ?? '').filter((flag) => flag !== '' && !rows.some((row) => row[0] === flag));
  assert.deepEqual(missing, []);
});

// The design

test('the states of a delivery and the stops of a message are those of the code', () => {
  const design = readDocument('docs/DESIGN.md');
  const [, states = ''] = /^type State = (.*);$/m.exec(readDocument('server/delivery/delivery.ts')) ?? [];
  const inCode = [...states.matchAll(/'(\w+)'/g)].map(([, state]) => state);
  assert.deepEqual(
    tableRows(section(design, 'States of a delivery'), 'state').map(([state]) => code(state)),
    inCode,
  );
  const stops = tableRows(section(design, 'A message'), '').map(([, file]) => code(file));
  const inReadme = codeSpans(section(README, 'How it is built').split('1.').slice(1).join('1.')).filter((span) => PATH.test(span));
  assert.equal(stops.length, 8);
  for (const file of inReadme.filter((path) => path.endsWith('.ts'))) assert.ok(stops.includes(file), `${file} is no stop in DESIGN.md`);
});

// Files

test('a code block that shows a file is that file, and every bot that is shown is a file', () => {
  const blocks = codeBlocks(README);
  for (const { source, text } of blocks) {
    if (source !== undefined) assert.equal(text, readDocument(source).trimEnd(), source);
  }
  for (const { language, source, text } of blocks) {
    if (['ts', 'python', 'go'].includes(language)) assert.notEqual(source, undefined, `no file for: ${text.slice(0, 60)}`);
  }
  const shownFiles = blocks.map(({ source }) => source);
  for (const bot of ['examples/bot.ts', 'examples/bot.py', 'examples/bot.go']) assert.ok(shownFiles.includes(bot), bot);
});

test('every link inside the project leads somewhere', () => {
  for (const page of PAGES) {
    for (const link of links(readDocument(page)).filter((target) => !/^[a-z]+:/.test(target))) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : normalize(join(dirname(page), path));
      assert.ok(existsSync(join(ROOT, target)), `${page} links to ${link}`);
      if (anchor !== undefined) assert.ok(anchors(readDocument(target)).includes(anchor), `${page} links to ${link}`);
    }
  }
});

/** `server/queue.ts`, `docs/`, `examples/bot.*`: what a code span says that looks like a path of this project. */
const PATH = /^(?:(?:commons|server|client|test|docs|examples|tools|bench)\/[\w./-]*|(?:server|client)\.ts)$/;

test('every path that a page names in code exists', () => {
  for (const page of PAGES) {
    const paths = codeSpans(readDocument(page).replaceAll(/```[\s\S]*?```/g, '')).filter((span) => PATH.test(span));
    for (const path of paths) assert.ok(existsSync(join(ROOT, path)), `${page} names ${path}`);
  }
});

test('the scripts that a page tells people to run are there', () => {
  const scripts = at(JSON.parse(readDocument('package.json')), 'scripts');
  for (const page of PAGES) {
    for (const [, script = ''] of readDocument(page).matchAll(/npm run (?:-s )?([a-z]+)/g))
      assert.equal(typeof at(scripts, script), 'string', `${page}: npm run ${script}`);
  }
});

test('the changelog knows this version, and no page holds a path of somebody’s machine', () => {
  assert.ok(readDocument('CHANGELOG.md').includes(`## [${VERSION}]`), `CHANGELOG.md has no section for ${VERSION}`);
  for (const page of PAGES) assert.doesNotMatch(readDocument(page), /(?:^|[\s`("'])\/(?:home|root|Users|tmp|work|opt)\//m, page);
});
