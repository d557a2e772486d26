/** How much memory V8 gives to objects that have just been made. It knows nothing of the chat. */
import { setFlagsFromString } from 'node:v8';

/**
 * From now on V8's young generation stays as large as it is: after the start that is two halves of 4 MiB. Otherwise it
 * grows to two of 16 MiB while many clients join, which is 5 KiB for each of 5,000 (`npm run bench -- --suites idle`); with
 * and without, throughput and latency differed by less than their noise. V8 reads this flag whenever it is about to grow;
 * one that does not know it says so on stderr and goes on as before.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
