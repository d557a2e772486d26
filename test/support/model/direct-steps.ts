/** Steps between two people: direct messages, who may send them, and which way they come; and crashes in the middle of a send. */
import assert from 'node:assert/strict';
import { at } from '../line-client.ts';
import { hang } from './people-steps.ts';
import { idOf, said, sendMessage } from './room-steps.ts';
import type { Stage } from './stage.ts';
import { answers, anyone, anyRoom, ask, flush, numberOf, pick, step, type Step } from './steps.ts';
import { entry, shownIn, Stream, type Entry } from './stream.ts';
import type { Person, Registration, World } from './world.ts';

/** Everybody who can be meant: accounts, here or away, clients by their ID, and nobody. */
function namesIn(world: World): readonly string[] {
  return [...world.accounts.keys(), ...world.registrations.keys(), 'Nobody'];
}

/** Why `sender` may not write to whoever `person` is, `ok` when it may. */
function consent(world: World, sender: Registration, person: Person | undefined): string {
  if (person === undefined) return 'NotFound';
  if (person === sender.person) return 'InvalidParams';
  const mark = sender.person.name;
  if (person.block.has(mark)) return 'Forbidden';
  if (person.policy === 'everyone' || person.allow.has(mark)) return 'ok';
  return sender.account !== undefined || world.registrationsOf(person).length > 0 ? 'Forbidden' : 'NotFound';
}

export const sendDirect = (who: number, to: number, number: number): Step =>
  step('SendDirect', [who, to, number], (world) => {
    const registration = anyone(world, who);
    if (registration === undefined) return undefined;
    const [To = '', MessageID, id] = [pick(namesIn(world), to), idOf(number), registration.id];
    const person = world.person(To);
    const first = MessageID === undefined ? undefined : world.sent.get(`${id} ${MessageID}`);
    const may = consent(world, registration, person);
    // Whether the answer waits for somebody who hangs.
    const reader = person === undefined ? undefined : world.readerOf(person);
    const waits = person !== undefined && reader !== undefined && (reader.hangs || world.isHeldUp(person));
    if (first !== undefined && waits) return undefined;
    return async (stage) => {
      const sent = entry('direct', id, world.text());
      const call = ask(stage, registration, 'SendDirect', { To, Text: sent.text, ...(MessageID === undefined ? {} : { MessageID }) });
      if (waits && person !== undefined && may === 'ok') return later(world, stage, registration, { person, sent, MessageID, call });
      const answer = await call;
      const repeats = first?.fate === 'said' || (first?.fate === 'unknown' && at(answer, 'result', 'Duplicate') === true);
      answers(answer, repeats ? 'ok' : may);
      if (person === undefined || (may !== 'ok' && !repeats)) return;
      said(world, person.inbox.log, sent, MessageID, answer);
      if (!repeats) assert.equal(at(answer, 'result', 'Delivered'), reader !== undefined, JSON.stringify(answer));
    };
  });

interface Sending {
  readonly person: Person;
  readonly sent: Entry;
  readonly MessageID: string | undefined;
  readonly call: Promise<unknown>;
}

/** The message is in the log; its answer comes when its reader has answered, or is gone. */
async function later(world: World, stage: Stage, by: Registration, { person, sent, MessageID, call }: Sending): Promise<void> {
  await flush(stage, by);
  world.commit();
  world.say(person.inbox.log, sent);
  if (MessageID !== undefined) world.sent.set(`${sent.sender} ${MessageID}`, sent);
  stage.pending.push(
    call.then((answer) => {
      if (answer !== undefined) assert.equal(numberOf(answer), sent.seq ?? numberOf(answer));
    }),
  );
}

export const list = (who: number, to: number, which: 'Allow' | 'Block'): Step =>
  step(which, [who, to], (world) => {
    const registration = anyone(world, who);
    if (registration === undefined) return undefined;
    return async (stage) => {
      const User = pick(namesIn(world), to) ?? '';
      const [other, { person }] = [world.person(User), registration];
      const reason = other === undefined ? 'NotFound' : other === person ? 'InvalidParams' : 'ok';
      answers(await ask(stage, registration, which, { User }), reason);
      if (other === undefined || other === person) return;
      for (const each of [person.allow, person.block]) each.delete(other.name);
      (which === 'Allow' ? person.allow : person.block).add(other.name);
    };
  });

export const setPolicy = (who: number, isOpen: boolean): Step =>
  step('SetDirectPolicy', [who, isOpen], (world) => {
    const registration = anyone(world, who);
    if (registration === undefined) return undefined;
    return async (stage) => {
      const policy = isOpen ? 'everyone' : 'allowed';
      answers(
        await ask(stage, registration, 'SetDirectPolicy', { Policy: policy }),
        registration.account === undefined ? 'Forbidden' : 'ok',
      );
      if (registration.account !== undefined) registration.person.policy = policy;
    };
  });

export const notify = (who: number, enabled: boolean): Step =>
  step('Notify', [who, enabled], (world) => {
    const registration = anyone(world, who);
    // It would wait for who hangs.
    if (registration === undefined || world.isHeldUp(registration.person)) return undefined;
    return async (stage) => {
      answers(await ask(stage, registration, 'Notify', { Enabled: enabled }), 'ok');
      registration.person.notify = enabled;
    };
  });

export const read = (who: number, max: number): Step =>
  step('Read', [who, max], (world) => {
    const waiting = [...world.registrations.values()].filter(
      ({ person }) => world.readerOf(person) === undefined && world.waiting(person)[0] > 0,
    );
    const registration = pick(waiting, who) ?? anyone(world, who);
    if (registration === undefined || world.isHeldUp(registration.person)) return undefined;
    return async (stage) => {
      const { inbox } = registration.person;
      const answer = await ask(stage, registration, 'Read', { Max: max });
      answers(answer, 'ok');
      const messages = at(answer, 'result', 'Messages');
      assert.ok(Array.isArray(messages) && messages.length <= max);
      if (world.readerOf(registration.person) !== undefined) {
        assert.deepEqual([messages, numberOf(answer, 'Remaining')], [[], 0]);
        return;
      }
      const { cursor } = inbox;
      const stream = new Stream(inbox.log, undefined, Math.min(cursor.sure, cursor.passed), cursor.passed);
      for (const message of messages) stream.take(shownIn(message), true);
      if (messages.length < max) assert.equal(stream.missing, undefined, 'less was read than waits');
      if (messages.length === 0) return;
      // It is on disk that these were read, when the answer comes.
      cursor.passed = cursor.sure = cursor.kept = stream.next;
      const [least, most] = world.waiting(registration.person);
      const remaining = numberOf(answer, 'Remaining');
      assert.ok(remaining >= least && remaining <= most, `${remaining} remain, not ${least} to ${most}`);
    };
  });

export const settings = (who: number): Step =>
  step('DirectSettings', [who], (world) => {
    const registration = anyone(world, who);
    if (registration === undefined) return undefined;
    return async (stage) => {
      const { person } = registration;
      const answer = await ask(stage, registration, 'DirectSettings');
      assert.deepEqual(
        ['Policy', 'Notify', 'Allow', 'Block'].map((field) => at(answer, 'result', field)),
        [person.policy, person.notify, [...person.allow], [...person.block]],
      );
      const [waiting, [least, most]] = [numberOf(answer, 'Waiting'), world.waiting(person)];
      assert.ok(waiting >= least && waiting <= most, `${waiting} wait, not ${least} to ${most}`);
    };
  });

/** Somebody hangs, and is spoken to and written to meanwhile: it has something in hand. */
export const hangOn = (who: number, by: number): Step =>
  step('HangOn', [who, by], (world) => {
    const hung = anyone(world, who);
    const others = [...world.registrations.values()].filter(({ person }) => person !== hung?.person);
    const other = pick(others, by);
    if (hung === undefined || other === undefined || !hang(who).check(world)) return undefined;
    return async (stage) => {
      await hang(who).run(world, stage);
      const sender = [...world.registrations.values()].indexOf(other);
      await sendMessage(sender, 0, 7).run(world, stage);
      const letter = sendDirect(sender, namesIn(world).indexOf(hung.id), 7);
      if (letter.check(world)) await letter.run(world, stage);
    };
  });

/** A crash while a message is on its way, so many turns of the event loop after it was written. */
export const crashWhile = (who: number, to: number, isDirect: boolean, number: number, turns: number): Step =>
  step('CrashWhileSending', [who, to, isDirect, number, turns], (world) => {
    const [registration, room] = [anyone(world, who), anyRoom(world, to)];
    if (registration === undefined || room === undefined) return undefined;
    const [To = '', MessageID] = [pick(namesIn(world), to), idOf(number)];
    const person = world.person(To);
    const log = isDirect ? person?.inbox.log : room.log;
    const may = isDirect ? consent(world, registration, person) === 'ok' : room.members.has(registration);
    // A repetition says nothing new.
    if (log === undefined || !may || world.sent.has(`${registration.id} ${MessageID}`)) return undefined;
    return async (stage) => {
      const sent = entry(isDirect ? 'direct' : 'chat', registration.id, world.text());
      sent.fate = 'unknown';
      const where = isDirect ? { To } : { Room: room.code };
      const params = { Text: sent.text, ...where, ...(MessageID === undefined ? {} : { MessageID }) };
      const call = ask(stage, registration, isDirect ? 'SendDirect' : 'SendMessage', params);
      world.say(log, sent);
      if (MessageID !== undefined) world.sent.set(`${registration.id} ${MessageID}`, sent);
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
      await stage.crash(world);
      const answer = await call;
      if (answer === undefined) return;
      // What was acknowledged is there.
      answers(answer, 'ok');
      sent.fate = 'said';
      sent.seq = numberOf(answer);
      world.lastSeq = Math.max(world.lastSeq, sent.seq);
    };
  });
