// @ts-check
/**
 * The thread that hashes passwords, one after the other, so that neither the event loop nor the threads that the disk needs
 * are busy with it; where there are too few processors for all of them, this one waits longest. Plain JavaScript, because a
 * thread has no loader for types. It knows no accounts and keeps nothing.
 */
import { hashSync, verifySync } from '@node-rs/argon2';
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';

/** argon2id as OWASP's password storage cheat sheet has it: 19 MiB, two passes, one lane; about 10 ms. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/*
 * On Linux this is about the calling thread alone, elsewhere about the process: there everything keeps its priority. Niceness 10
 * is a ninth of what the event loop gets of a shared processor; at 19, a seventieth, a busy neighbour would stop all log-ins.
 */
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);

/** @param {{ password: string, hash: string | null }} job */
function answerTo({ password, hash }) {
  try {
    return { answer: hash === null ? hashSync(password, COST) : verifySync(hash, password) };
  } catch (error) {
    return { failure: String(error) };
  }
}

parentPort?.on('message', (/** @type {{ id: number, password: string, hash: string | null }} */ job) => {
  parentPort?.postMessage({ id: job.id, ...answerTo(job) });
});
