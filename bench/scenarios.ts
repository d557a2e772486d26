/** What is measured: suites of scenarios, each a set of options for the generator and the servers it makes sense for. */
import type { Options } from './options.ts';
import { DURABLE, FLOOR_SYNC, type Server } from './servers.ts';

export const SUITE_NAMES = ['fanout', 'shapes', 'latency', 'idle', 'stall', 'durable'] as const;
export type SuiteName = (typeof SUITE_NAMES)[number];

export interface Scenario {
  readonly suite: SuiteName;
  /** Unique; what tables and criteria call it. */
  readonly id: string;
  readonly clients: number;
  readonly args: readonly string[];
  /** Names of servers; all when left out. */
  readonly servers?: readonly string[];
  /** Deliveries a second that the generator asks for. */
  readonly rate?: number;
}

/** One kind of client each: how it registers, answers and writes. The first is the one that the others are compared with. */
export const SHAPES = {
  plain: [],
  'ack 1': ['--ack', '1'],
  'ack 2': ['--ack', '2'],
  'ack each': ['--ackeach', '1'],
  'by position': ['--byposition', '1'],
  'dialect 1.0': ['--dialect', '1.0'],
  inline: ['--inline', '1'],
  unicode: ['--unicode', '1'],
} as const;

export const SHAPE_LOADS = ['n=100 w=64', 'n=1000 w=64', 'n=100 w=1'] as const;
export const STALL_PHASES = { 'first second': 1, 'through eviction': 12 } as const;

const FLOORS = ['partyline', 'floor', 'floor-same'];

interface Times {
  readonly secs: number;
  readonly warm: number;
  /** Instead of `warm` at a fixed rate. */
  readonly settle: number;
}

function closed(clients: number, senders: number, window: number, { secs, warm }: Pick<Times, 'secs' | 'warm'>): readonly string[] {
  const times = ['--secs', String(secs), '--warm', String(warm)];
  return ['--n', String(clients), '--m', String(senders), '--window', String(window), ...times];
}

function fanout(times: Times): readonly Scenario[] {
  const rows = [10, 100, 1_000].flatMap((clients): readonly Scenario[] => [
    { suite: 'fanout', id: `n=${clients} w=64`, clients, args: closed(clients, 1, 64, times) },
    { suite: 'fanout', id: `n=${clients} 4 senders x 16`, clients, args: closed(clients, 4, 16, times) },
    { suite: 'fanout', id: `n=${clients} w=1`, clients, args: closed(clients, 1, 1, times) },
  ]);
  return [...rows, { suite: 'fanout', id: 'n=5000 w=64', clients: 5_000, args: closed(5_000, 1, 64, times), servers: FLOORS }];
}

function shapes(times: Times): readonly Scenario[] {
  return Object.entries(SHAPES).flatMap(([shape, args]) =>
    SHAPE_LOADS.map((load): Scenario => {
      const [, clients = '', window = ''] = /^n=(\d+) w=(\d+)$/.exec(load) ?? [];
      const id = `${shape}, ${load}`;
      return {
        suite: 'shapes',
        id,
        clients: Number(clients),
        args: [...closed(Number(clients), 1, Number(window), times), ...args],
        servers: FLOORS,
      };
    }),
  );
}

/** So many deliveries a second, said by four. */
function steady(clients: number, rate: number, { secs, settle }: Times): readonly string[] {
  return ['--n', String(clients), '--m', '4', '--rate', String(rate), '--secs', String(secs), '--warm', String(settle)];
}

function latency(times: Times): readonly Scenario[] {
  const rate = 100_000;
  return [10, 100, 1_000].map((clients) => ({
    suite: 'latency',
    id: `100k/s n=${clients}`,
    clients,
    rate,
    args: steady(clients, rate, times),
  }));
}

function idle(): readonly Scenario[] {
  return [1_000, 5_000].map((clients) => ({
    suite: 'idle',
    id: `idle n=${clients}`,
    clients,
    args: ['--n', String(clients), '--m', '1', '--idle', '3'],
  }));
}

/** 20 of 100 stop reading, beside the same room without them; measured from the moment they stop. */
function stall(): readonly Scenario[] {
  const servers = ['partyline', 'redis', 'nats', 'inspircd', 'sio', 'ws'];
  return Object.entries(STALL_PHASES).flatMap(([phase, secs]): readonly Scenario[] => {
    const times = { secs, warm: 0 };
    return [
      { suite: 'stall', id: `80 healthy, ${phase}`, clients: 80, args: closed(80, 1, 64, times), servers },
      {
        suite: 'stall',
        id: `80 healthy + 20 stalled, ${phase}`,
        clients: 100,
        args: [...closed(100, 1, 64, times), '--stall', '20'],
        servers,
      },
    ];
  });
}

/**
 * Loads at which the store may cost a fifth of the throughput. With 64 messages under way all of them wait for the disk
 * together, and a server has nothing else to do meanwhile; with 512 it has.
 */
export const DURABLE_LOADS = [
  'n=10 w=64',
  'n=100 w=64',
  'n=1000 w=64',
  'n=100 4 senders x 16',
  'n=10 8 senders x 64',
  'n=100 8 senders x 64',
] as const;
/** Members of the rooms in which people say 1,000 messages a second, the sender included. */
export const DURABLE_ROOMS = [10, 100] as const;
const MESSAGES_A_SECOND = 1_000;

/** The product with its store, beside itself without one, and the same of the floor: what the disk allows. */
function durable(times: Times): readonly Scenario[] {
  const servers = ['partyline', DURABLE, 'floor-same', FLOOR_SYNC];
  const saturated = DURABLE_LOADS.map((load): Scenario => {
    const [, clients = '', senders = '1', window = ''] = /^n=(\d+) (?:w=|(\d+) senders x )(\d+)$/.exec(load) ?? [];
    const args = closed(Number(clients), Number(senders), Number(window), times);
    return { suite: 'durable', id: `durable ${load}`, clients: Number(clients), args, servers };
  });
  const atOneRate = DURABLE_ROOMS.map((clients): Scenario => {
    const rate = MESSAGES_A_SECOND * (clients - 1);
    return { suite: 'durable', id: `durable 1000/s n=${clients}`, clients, rate, args: steady(clients, rate, times), servers };
  });
  return [...saturated, ...atOneRate];
}

export function isSuite(name: string): name is SuiteName {
  return SUITE_NAMES.some((each) => each === name);
}

/** The scenarios that the options ask for, in the order of the suites. */
export function chosenScenarios(options: Options): readonly Scenario[] {
  const made = {
    fanout: fanout(options),
    shapes: shapes(options),
    latency: latency(options),
    idle: idle(),
    stall: stall(),
    durable: durable(options),
  };
  const most = options.quick ? 100 : Infinity;
  return SUITE_NAMES.filter((name) => options.suites?.includes(name) ?? true)
    .flatMap((name) => made[name])
    .filter(({ clients, id }) => clients <= most && (options.clients?.includes(clients) ?? true) && id.includes(options.match));
}

/** Whether this server can be asked this. */
export function fits({ suite, servers, clients, rate = 0 }: Scenario, server: Server): boolean {
  if (servers !== undefined && !servers.includes(server.name)) return false;
  if (server.keepsIn !== undefined && suite !== 'durable') return false;
  if (suite === 'idle' && clients > (server.most ?? Infinity)) return false;
  return !(server.slow === true && rate > 50_000 && clients !== 100);
}
