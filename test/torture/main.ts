/**
 * The long forms of the durability proofs: `npm run torture -- kill --rounds 1000`. Exit status 0 proven, 1 disproved,
 * 2 usage.
 */
import { parseArgs } from 'node:util';
import { killNine } from './kill-nine.ts';

const USAGE = 'Usage: npm run torture -- kill [--rounds N]\n';

async function main(args: string[]): Promise<number> {
  const { positionals, values } = parseArgs({ args, allowPositionals: true, options: { rounds: { type: 'string', default: '1000' } } });
  const rounds = Number(values.rounds);
  if (positionals.join(' ') !== 'kill' || !Number.isSafeInteger(rounds) || rounds < 1) {
    process.stderr.write(USAGE);
    return 2;
  }
  const progress = (round: number, acknowledged: number): void =>
    void process.stderr.write(`\r${round}/${rounds} kills, ${acknowledged} acknowledged`);
  const { verdict, slowestStartMs } = await killNine({ rounds, progress });
  process.stderr.write('\n');
  process.stdout.write(`${JSON.stringify({ ...verdict, slowestStartMs: Math.round(slowestStartMs) }, null, 2)}\n`);
  return verdict.proven ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  return 2;
});
