/**
 * The servers that are compared: how each is started, what the generator has to know to talk to it, and how to get it.
 * All listen on 127.0.0.1:9999; the peers' configurations have their throttles and output limits raised.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { BENCH, ROOT, hasProgram, installPeers, type Tools } from './build.ts';

export const PORT = 9999;
const SERVE = `node dist/server.js --listen 127.0.0.1:${PORT} --rate 0`;
export const SUBJECT_COMMAND = `${SERVE} --memory`;
/** The product with its default store; what it keeps goes into a fresh folder for each run. */
export const DURABLE = 'partyline-durable';
/** The floor that writes and syncs what it sends: what the disk allows. */
export const FLOOR_SYNC = 'floor-sync';

export interface Server {
  readonly name: string;
  readonly command: readonly string[];
  /** Options of the generator. */
  readonly protocol: readonly string[];
  /** Whether each delivery is answered. */
  readonly answered: boolean;
  /** Debian's package, or `npm`; our own have none. */
  readonly package?: string;
  /** Cannot keep a fixed 100,000 deliveries a second with every number of clients. */
  readonly slow?: boolean;
  /** The flag that names a folder for what it keeps; such a server is only asked what that costs. */
  readonly keepsIn?: string;
  /** Clients at most: beyond that joining alone takes minutes. */
  readonly most?: number;
  readonly version: () => string;
}

const peer = (file: string): string => join(BENCH, 'peers', file);
const CHAT = ['--proto', 'chat'];
const IRC = ['--proto', 'irc', '--conc', '1000'];

export function allServers(tools: Tools, subject = SUBJECT_COMMAND): readonly Server[] {
  const floor = [tools.floor, '--port', String(PORT)];
  const mosquitto = ['mosquitto', '-c', peer('mosquitto.conf')];
  const ours = { protocol: CHAT, answered: true };
  return [
    { ...ours, name: 'partyline', command: subject.split(' '), version: productVersion },
    { ...ours, name: DURABLE, command: SERVE.split(' '), keepsIn: '--data', version: productVersion },
    { ...ours, name: 'floor', command: [...floor, '--frame', 'classic'], version: compilerVersion },
    { ...ours, name: 'floor-same', command: [...floor, '--frame', 'product'], version: compilerVersion },
    { ...ours, name: FLOOR_SYNC, command: [...floor, '--frame', 'product'], keepsIn: '--sync', version: compilerVersion },
    apt('redis', 'redis-server', ['redis-server', peer('redis.conf')], ['--proto', 'redis']),
    apt('nats', 'nats-server', ['nats-server', '-c', peer('nats.conf')], ['--proto', 'nats']),
    { ...apt('inspircd', 'inspircd', ['inspircd', '--nofork', '--runasroot', `--config=${peer('inspircd.conf')}`], IRC), most: 1_000 },
    { ...apt('ngircd', 'ngircd', ['ngircd', '-n', '-f', peer('ngircd.conf')], IRC), most: 1_000 },
    { ...apt('mqtt1', 'mosquitto', mosquitto, ['--proto', 'mqtt', '--qos', '1']), answered: true },
    apt('mqtt0', 'mosquitto', mosquitto, ['--proto', 'mqtt', '--qos', '0']),
    { ...npm('sioack', 'socket.io', ['socketio.mjs', '--ack'], ['--proto', 'sio', '--sioack', '1']), answered: true, slow: true },
    npm('sio', 'socket.io', ['socketio.mjs'], ['--proto', 'sio']),
    npm('ws', 'ws', ['ws.mjs'], ['--proto', 'ws']),
  ];
}

function apt(name: string, packageName: string, command: readonly string[], protocol: readonly string[]): Server {
  return { name, command, protocol, answered: false, package: packageName, version: () => debianVersion(packageName) };
}

function npm(name: string, packageName: string, [file = '', ...args]: readonly string[], protocol: readonly string[]): Server {
  return {
    name,
    command: ['node', peer(file), ...args],
    protocol,
    answered: false,
    package: 'npm',
    version: () => `${packageName} ${installedVersion(join(BENCH, 'peers', 'node_modules', packageName))}`,
  };
}

export interface Available {
  readonly servers: readonly Server[];
  /** A sentence for each server that is missing: how to get it. */
  readonly missing: readonly string[];
}

/** Those of `servers` that are installed here. */
export function available(servers: readonly Server[]): Available {
  const npmProblem = servers.some((server) => server.package === 'npm') ? installPeers() : undefined;
  const missing: string[] = [];
  const present = servers.filter((server) => {
    if (server.package === undefined) return true;
    const problem = server.package === 'npm' ? npmProblem : aptProblem(server);
    if (problem !== undefined) missing.push(`${server.name} is skipped: ${problem}`);
    return problem === undefined;
  });
  return { servers: present, missing };
}

function aptProblem({ command: [program = ''], package: name = '' }: Server): string | undefined {
  return hasProgram(program) ? undefined : `not installed; apt-get install --no-install-recommends ${name}`;
}

function debianVersion(name: string): string {
  const version = firstLine('dpkg-query', ['-W', '-f', '${Version}', name]);
  return `${name} ${version === '' ? 'of unknown version' : version}`;
}

function compilerVersion(): string {
  return firstLine('gcc', ['--version']);
}

function productVersion(): string {
  const commit = firstLine('git', ['-C', ROOT, 'rev-parse', '--short', 'HEAD']);
  const changed = firstLine('git', ['-C', ROOT, 'status', '--porcelain', '--', 'server', 'commons', 'server.ts']) !== '';
  return `partyline ${installedVersion(ROOT)}${commit === '' ? '' : `, commit ${commit}`}${changed ? ' with changes' : ''}`;
}

function installedVersion(folder: string): string {
  const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return v.parse(v.object({ version: v.string() }), parsed).version;
}

function firstLine(program: string, args: readonly string[]): string {
  const { stdout, status } = spawnSync(program, args, { encoding: 'utf8', timeout: 10_000 });
  return status === 0 ? (stdout.split('\n')[0] ?? '').trim() : '';
}
