/** The benchmark's command line. */
import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run bench -- [options]

  --suites LIST    of fanout, shapes, latency, idle, stall, durable (default: all)
  --reps N         runs of each scenario and server, interleaved (3)
  --secs S         measured seconds of a run (2)
  --warm S         seconds before that are not measured: what is compiled while it runs is compiled by then (2)
  --settle S       the same at a fixed rate, where what is compiled while it runs takes longer to be so (4)
  --only LIST      only these servers, e.g. partyline,floor,redis
  --n LIST         only scenarios with so many clients, e.g. 100,1000
  --match TEXT     only scenarios whose name contains it, e.g. w=64
  --tries N        how often a disturbed run is repeated (4)
  --subject CMD    another command for the server under test; it listens on 127.0.0.1:9999
  --minutes M      begin no further run after that time (240)
  --out FILE       where the report goes (bench/RESULTS.md)
  --quick          1 short run each with at most 100 clients: to see that everything works; no report unless --out
`;

export interface Options {
  readonly suites: readonly string[] | undefined;
  readonly only: readonly string[] | undefined;
  readonly clients: readonly number[] | undefined;
  readonly match: string;
  readonly reps: number;
  readonly secs: number;
  readonly warm: number;
  readonly settle: number;
  readonly tries: number;
  readonly minutes: number;
  readonly subject: string | undefined;
  readonly out: string | undefined;
  readonly quick: boolean;
}

/** The options, or a sentence on what is wrong with them; an empty one asks for the usage only. */
export function readOptions(args: readonly string[]): Options | string {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const { values } = parseArgs({
      args: [...args],
      options: {
        suites: text,
        reps: text,
        secs: text,
        warm: text,
        settle: text,
        only: text,
        n: text,
        match: text,
        tries: text,
        subject: text,
        minutes: text,
        out: text,
        quick: flag,
        help: flag,
      },
    });
    if (values.help === true) return '';
    const quick = values.quick === true;
    return {
      suites: list(values.suites),
      only: list(values.only),
      clients: list(values.n)?.map((each) => positive(each, 0)),
      match: values.match ?? '',
      reps: positive(values.reps, quick ? 1 : 3),
      secs: positive(values.secs, quick ? 0.4 : 2),
      warm: positive(values.warm, quick ? 0.3 : 2),
      settle: positive(values.settle, quick ? 0.3 : 4),
      tries: positive(values.tries, quick ? 1 : 4),
      minutes: positive(values.minutes, 240),
      subject: values.subject,
      out: values.out,
      quick,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function list(value: string | undefined): readonly string[] | undefined {
  return value?.split(',').filter((each) => each !== '');
}

function positive(value: string | undefined, fallback: number): number {
  const number = value === undefined ? fallback : Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new Error(`"${value}" is not a number above 0.`);
}
