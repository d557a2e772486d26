/**
 * A process that writes to a store until it is killed, or as often as it is told, and says what was answered:
 * `open SEQ`, then `acked SEQ` or `failed SEQ` for each batch, the highest number in it; at the end `lag MS`, the longest time that
 * its event loop or a read was held up, and `slow MS`, the longest that an append took. Usage: store-writer FOLDER [BATCHES] [MESSAGES A BATCH] [--until-failed] [--facts]
 *
 * With `--until-failed` it dies at the first failure, without closing anything. With `--facts` each batch also replaces
 * the fact `last` and adds the fact `seen/SEQ`; the number that is told is then the one that the facts took.
 */
import { once } from 'node:events';
import { LevelStore } from '../../server/store/level.ts';
import { segmentOf } from './store-segments.ts';

const [folder = '', batches = 'Infinity', messages = '3'] = process.argv.slice(2);
/** Waits for a slow reader, so that nothing said is lost. */
async function tell(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}
const store = await LevelStore.open({ folder, report: (text, failure) => void tell(`report ${text} ${String(failure)}`) });
await tell(`open ${store.lastSeq}`);

const withFacts = process.argv.includes('--facts');

let lag = 0;
let slow = 0;
let beat = performance.now();
const pulse = setInterval(() => {
  const began = performance.now();
  lag = Math.max(lag, began - beat - 10);
  beat = began;
  if (store.rooms.has('b'))
    store.after('b', 0, 1).then(
      () => (lag = Math.max(lag, performance.now() - began)),
      (failure: unknown) => void tell(`unread ${String(failure)}`),
    );
}, 10);

for (let batch = 0; batch < Number(batches); batch += 1) {
  const a = segmentOf(store, 'a', Number(messages), { ids: true, at: Date.now() });
  const b = segmentOf(store, 'b', 1, { from: (a.seqs.at(-1) ?? 0) + 1, at: Date.now() });
  const last = (b.seqs[0] ?? 0) + (withFacts ? 1 : 0);
  const facts = [
    { key: 'last', value: String(last) },
    { key: `seen/${last}`, value: 'é' },
  ];
  const began = performance.now();
  await store.append([a, b], withFacts ? facts : []).then(
    () => tell(`acked ${last}`),
    async () => {
      await tell(`failed ${last}`);
      if (process.argv.includes('--until-failed')) process.exit(0);
    },
  );
  slow = Math.max(slow, performance.now() - began);
}
clearInterval(pulse);
await tell(`lag ${Math.round(lag)}`);
await tell(`slow ${Math.round(slow)}`);
await store.close();
process.exit(0);
