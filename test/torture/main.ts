/**
 * The long forms of the durability proofs, one a name: `npm run torture -- kill --rounds 1000`. Exit status 0 proven,
 * 1 disproved, 2 usage.
 */
import { parseArgs } from 'node:util';
import { measureGuesses } from './guesses.ts';
import { killNine } from './kill-nine.ts';
import { powerCuts } from './power-cut.ts';
import { fillAndWatch } from './memory.ts';
import { resumeStorm } from './resume-storm.ts';
import { measureStarts } from './starts.ts';
import { talkThroughStorm } from './talking.ts';

/** What a proof found: all of it as JSON, and whether it is proven. */
type Proof = (options: Chosen) => Promise<{ readonly proven: boolean; readonly found: object }>;

interface Chosen {
  readonly rounds: number | undefined;
  readonly messages: number | undefined;
  readonly clients: number | undefined;
  readonly starts: number | undefined;
  readonly withoutSync: boolean;
}

/** A server that was killed serves again within this, milliseconds. */
const SERVES_MS = 1_000;
/** Who talks goes on at so much of the speed, whoever comes back. */
const FULL_SPEED = 0.8;
/** A person does not notice that an answer comes so much later, milliseconds. */
const UNNOTICED_MS = 10;
/** Of what is offered; the rest waits behind tries that are being hashed. */
const ANSWERED = 0.95;

const say = (line: string): void => void process.stderr.write(`\r${line}`);

const PROOFS: ReadonlyMap<string, { readonly usage: string; readonly run: Proof }> = new Map([
  [
    'kill',
    {
      usage: 'kill [--rounds 1000] [--messages 100000]    kill -9 under load, with so many messages stored',
      run: async ({ rounds = 1_000, messages = 100_000 }) => {
        const progress = (round: number, acknowledged: number): void => say(`${round}/${rounds} kills, ${acknowledged} acknowledged`);
        const { verdict, startMs } = await killNine({ rounds, stored: messages, progress });
        return { proven: verdict.proven, found: { ...verdict, startMs } };
      },
    },
  ],
  [
    'power',
    {
      usage: 'power [--rounds 500] [--without-sync]    power cuts under load; needs root and ext4; the second must fail',
      run: async ({ rounds = 500, withoutSync }) => {
        const progress = (round: number, owed: number): void => say(`${round}/${rounds} cuts, ${owed} messages looked for`);
        const report = await powerCuts({ rounds, withoutSync, progress });
        return { proven: report.proven, found: report };
      },
    },
  ],
  [
    'fill',
    {
      usage: 'fill [--messages 1000000]    the memory of a server that stores so many messages',
      run: async ({ messages = 1_000_000 }) => {
        const progress = (stored: number, mib: number): void => say(`${stored}/${messages} stored, ${mib} MiB`);
        const report = await fillAndWatch({ messages, progress });
        return { proven: report.bounded, found: report };
      },
    },
  ],
  [
    'starts',
    {
      usage: 'starts [--starts 10] [--messages 100000]    how long until a killed server serves again: within a second',
      run: async ({ starts = 10, messages = 100_000 }) => {
        const report = await measureStarts({ starts, messages, progress: (start) => say(`${start}/${starts} starts`) });
        return { proven: report.storeMs.slowest <= SERVES_MS, found: report };
      },
    },
  ],
  [
    'resume',
    {
      usage: 'resume [--clients 1000]    so many clients that come back at once from the disk share its reads; what that costs who talks',
      run: async ({ clients = 1_000 }) => {
        const report = await resumeStorm(clients);
        const talking = await talkThroughStorm({ clients, stored: 10_000, said: 4_000 });
        return { proven: report.reads < clients / 4 && talking.storm >= FULL_SPEED * talking.calm, found: { ...report, talking } };
      },
    },
  ],
  [
    'guesses',
    {
      usage: 'guesses [--rounds 6]    2,000 wrong log-ins a second: what that costs who talks',
      run: async ({ rounds = 6 }) => {
        const report = await measureGuesses({ perSecond: 2_000, rounds, progress: (round) => say(`${round}/${rounds} rounds`) });
        const { answered, offered, calm, guessed } = report;
        const undisturbed = (['acknowledged', 'informed'] as const).every((what) => guessed[what].p99 <= calm[what].p99 + UNNOTICED_MS);
        return { proven: undisturbed && answered >= ANSWERED * offered, found: report };
      },
    },
  ],
]);

const USAGE = `Usage: npm run torture -- PROOF [options]\n\n${[...PROOFS.values()].map(({ usage }) => `  ${usage}\n`).join('')}`;

async function main(args: string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const options = {
    rounds: text,
    messages: text,
    clients: text,
    starts: text,
    'without-sync': { type: 'boolean', default: false },
  } as const;
  const { positionals, values } = parseArgs({ args, allowPositionals: true, options });
  const [name = '', ...more] = positionals;
  const proof = PROOFS.get(name);
  if (proof === undefined || more.length > 0) throw new Error(`There is no proof "${positionals.join(' ')}".`);
  const [rounds, messages] = [whole('--rounds', values.rounds), whole('--messages', values.messages)];
  const [clients, starts] = [whole('--clients', values.clients), whole('--starts', values.starts)];
  const { proven, found } = await proof.run({ rounds, messages, clients, starts, withoutSync: values['without-sync'] });
  process.stderr.write('\n');
  process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  return proven ? 0 : 1;
}

function whole(flag: string, value: string | undefined): number | undefined {
  const number = value === undefined ? undefined : Number(value);
  if (number === undefined || (Number.isSafeInteger(number) && number > 0)) return number;
  throw new Error(`${flag} is a whole number above 0.`);
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  return 2;
});
