/** How V8 collects what is not needed any more, in this process. It knows nothing of the chat. */
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/**
 * To be called when the server runs: V8 reads these flags whenever it is about to grow or to mark, and one that it does not
 * know it names on stderr and goes on as before.
 * @param cores how many this process may use
 */
export function tuneGarbageCollection(cores = availableParallelism()): void {
  keepYoungGenerationSmall();
  collectLessOften();
  if (cores === 1) markOnMainThread();
}

/**
 * From now on V8's young generation stays as large as it is: after the start that is two halves of 4 MiB. Otherwise it
 * grows to two of 16 MiB while many clients join, which is 5 KiB for each of 5,000 (`npm run bench -- --suites idle`); with
 * and without, throughput and latency differed by less than their noise.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * From now on the heap may become three times as large as what was in use after a full collection before the next one.
 * Left to itself V8 lets a heap of 20 MB grow by a sixth: at full throughput to 10 clients `--trace-gc` shows four full
 * collections a second, which take a seventh of the time. With this they are two, and a twentieth, for a fifth more messages and
 * 30 MB (0.97 -> 1.19 M deliveries a second, medians of 5 alternating runs of `npm run bench -- --match "n=10 w=64"`'s load).
 */
function collectLessOften(): void {
  setFlagsFromString('--heap-growing-percent=200');
}

/**
 * From now on marking begins no threads of its own: on a single core they take turns with the main one, which then stands
 * still for whole time slices. 10,000 messages a second to 10 clients had a p99 of 16 to 27 ms with them and of 4 to 8 ms
 * without (the load of `npm run bench -- --suites latency --n 10`, three runs each).
 */
function markOnMainThread(): void {
  setFlagsFromString('--no-concurrent-marking');
}
