/**
 * `npm run verify`: loads a server and proves the run. stdout has the report, stderr the progress; the exit status is the
 * verdict: 0 proven, 1 disproved, 2 wrong usage.
 */
import { render, report } from './report.ts';
import { run } from './run.ts';
import { readSettings } from './settings.ts';

const request = readSettings(process.argv.slice(2));
if ('text' in request) {
  (request.status === 0 ? process.stdout : process.stderr).write(request.text);
  process.exitCode = request.status;
} else {
  try {
    const found = report(await run(request.settings, (line) => process.stderr.write(`${line}\n`)));
    process.stdout.write(request.settings.json ? `${JSON.stringify(found)}\n` : render(found));
    process.exitCode = found.proven ? 0 : 1;
  } catch (error) {
    process.stderr.write(`The run could not be made: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
