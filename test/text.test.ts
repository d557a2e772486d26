/** What may be written and what may be shown: names that pass for others, texts that move cursors, and what is left of them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { codePointName, fold, idProblem, inert, inertLine, nameProblem, textProblem } from '../commons/text.ts';

/** All of Unicode, lone surrogates included, with many of the characters that matter here. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        'a',
        ' ',
        '\n',
        '\t',
        '\u001b',
        '[2J',
        '\u0007',
        '\r',
        '\u202e',
        '\u2066',
        '\u200b',
        '\u200d',
        '\u0301',
        '\ud800',
        '\u{e0041}',
        '👩',
        'ש',
      ),
    )
    .map((parts) => parts.join('')),
);
/** Controls and marks of direction: nothing that is shown may have one. LF and TAB are for who shows the text to place. */
const HARMFUL = /[[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u200b]--[\n\t]]/v;

const GOOD_NAMES = [
  'Alice',
  'bob',
  'Åsa',
  'Zoë',
  'Jean-Luc',
  "O'Neill",
  'Мария',
  '李小龍',
  'أحمد',
  'שרה',
  'Nguyễn Văn',
  '🦊',
  'Ann ❤\ufe0f',
  'x',
  '007',
  'a'.repeat(32),
  'Système',
  'systems',
  'Administration',
  '🦊'.repeat(32),
  'हिन्दी',
];
for (const name of GOOD_NAMES) {
  test(`${JSON.stringify(name)} can be a name and an ID`, () => {
    assert.equal(nameProblem(name, 32), undefined);
    assert.equal(idProblem(name, 128), undefined);
  });
}

const BAD_NAMES: readonly (readonly [why: string, name: string, rule: RegExp])[] = [
  ['empty', '', /must not be empty/],
  ['a character too long', 'a'.repeat(33), /at most 32 characters/],
  ['an escape', 'a\u001b[31m', /U\+001B/],
  ['a C1 escape', 'a\u009b31m', /U\+009B/],
  ['a line feed', 'a\nb', /U\+000A/],
  ['a carriage return', 'a\rb', /U\+000D/],
  ['a tab', 'a\tb', /U\+0009/],
  ['a NUL', 'a\0', /U\+0000/],
  ['a DEL', 'a\u007f', /U\+007F/],
  ['a bell', '\u0007a', /U\+0007/],
  ['right-to-left override', 'a\u202eb', /U\+202E/],
  ['an isolate', 'a\u2066b', /U\+2066/],
  ['a right-to-left mark', 'a\u200fb', /U\+200F/],
  ['zero width space', 'Al\u200bice', /U\+200B/],
  ['zero width joiner', 'Al\u200dice', /U\+200D/],
  ['word joiner', 'Al\u2060ice', /U\+2060/],
  ['byte order mark', '\ufeffAlice', /U\+FEFF/],
  ['soft hyphen', 'Al\u00adice', /U\+00AD/],
  ['tag characters', 'Alice\u{e0041}', /U\+E0041/],
  ['line separator', 'a\u2028b', /U\+2028/],
  ['a private character', 'a\ue000', /U\+E000/],
  ['a lone surrogate', 'a\ud800', /U\+D800/],
  ['an unassigned character', 'a\u0378', /U\+0378/],
  ['no-break space', 'a\u00a0b', /U\+00A0/],
  ['ideographic space', 'a\u3000b', /U\+3000/],
  ['a blank in front', ' a', /start or end with a blank/],
  ['a blank behind', 'a ', /start or end with a blank/],
  ['two blanks', 'a  b', /two in a row/],
  ['only a blank', ' ', /blank/],
  ['Zalgo', `Z${'\u0300\u0301\u0302\u0303\u0304'}a`, /combining marks/],
  ['Zalgo over a composed letter', `\u00e9${'\u0301'.repeat(4)}`, /combining marks/],
  ['only marks', '\u0301\u0302', /letter or a digit/],
  ['only dots', '...', /letter or a digit/],
  ['a Hangul filler, which shows nothing', '\u3164', /must/],
  ['a half-width Hangul filler', '\uffa0', /must/],
  ['a Braille blank', '\u2800', /must/],
  ['an invisible vowel in a name', 'Al\u115fice', /must/],
  ['a variation selector behind a letter', 'Alice\ufe0f', /U\+FE0F/],
  ['another variation selector', 'Alice\ufe01', /U\+FE01/],
  ['a grapheme joiner', 'Al\u034fice', /U\+034F/],
  ['letters in circles', 'ⓢⓨⓢⓣⓔⓜ', /letter or a digit/],
  ['a variation selector in front', '\ufe0f1', /must/],
];
for (const [why, name, rule] of BAD_NAMES) {
  test(`a name or ID is refused, and the rule is named: ${why}`, () => {
    assert.match(nameProblem(name, 32) ?? 'accepted', rule);
    assert.match(idProblem(name, 32) ?? 'accepted', rule);
  });
}

for (const name of [
  'system',
  'SYSTEM',
  'System',
  'ｓｙｓｔｅｍ',
  '𝐒𝐲𝐬𝐭𝐞𝐦',
  'Server',
  'ADMIN',
  'admin',
  'Root',
  'You',
  'everyone',
  'Partyline',
  'ſystem',
  'ADM\u0130N',
  'adm\u0131n',
  'ⅽhannel',
]) {
  test(`nobody can be called ${JSON.stringify(name)}`, () => {
    assert.match(nameProblem(name, 32) ?? 'accepted', /is reserved/);
    assert.match(idProblem(name, 32) ?? 'accepted', /is reserved/);
  });
}

test('a name holds none of the characters that frame a line; an ID may hold a colon', () => {
  for (const mark of ['[', ']', '<', '>']) {
    assert.match(nameProblem(`a${mark}`, 32) ?? '', /must not contain any of/);
    assert.match(idProblem(`a${mark}`, 32) ?? '', /must not contain any of/);
  }
  assert.match(nameProblem('a: b', 32) ?? '', /must not contain any of/);
  assert.equal(idProblem('a:b', 32), undefined);
});

test('names that people take for the same have one folded form', () => {
  for (const [one, other] of [
    ['Alice', 'aLICE'],
    ['Alice', 'Ａｌｉｃｅ'],
    ['\u00c5sa', 'A\u030asa'],
    ['ﬁn', 'fin'],
    ['Straße', 'STRASSE'],
    ['a b', 'a\u00a0b'],
    ['❤\ufe0f a', '❤ A'],
    ['ılgın', 'ILGIN'],
    ['Σίσυφος', 'ΣΊΣΥΦΟΣ'],
  ] as const) {
    assert.equal(fold(one), fold(other), `${one} ${other}`);
  }
  assert.notEqual(fold('Alice'), fold('Alicia'));
  fc.assert(fc.property(anyText, (name) => assert.equal(fold(fold(name)), fold(name))));
});

test('folding each character of Unicode twice changes nothing', () => {
  for (let point = 0; point <= 0x10ffff; point++) {
    const folded = fold(String.fromCodePoint(point));
    if (fold(folded) !== folded) assert.fail(`U+${point.toString(16)}`);
  }
});

test('whatever name is accepted, it is shown exactly as it is', () => {
  fc.assert(
    fc.property(anyText, (name) => {
      if (nameProblem(name, 32) === undefined) assert.equal(inertLine(name), name);
      if (idProblem(name, 32) === undefined) assert.equal(inertLine(name), name);
    }),
    { numRuns: 2_000 },
  );
});

test('ordinary texts of any script may be sent and are shown as they are', () => {
  for (const text of [
    'Hello everyone!',
    'two\nlines\tand a tab',
    'שלום',
    'مرحبا می‌خواهم',
    '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽',
    'naïve',
    'हिन्दी',
    'a'.repeat(4_096),
  ]) {
    assert.equal(textProblem(text), undefined, text);
    assert.equal(inert(text), text);
  }
});

for (const bad of [
  '\u001b',
  '\u009b',
  '\r',
  '\0',
  '\u0007',
  '\b',
  '\u007f',
  '\u202e',
  '\u2066',
  '\u061c',
  '\u200b',
  '\u2028',
  '\u2029',
  '\ufeff',
  '\u{e0041}',
  '\ud800',
  '\udc00',
  '\u2063',
]) {
  test(`a text with ${codePointName(bad)} is refused by that name, and shown as it`, () => {
    assert.equal(
      textProblem(`a${bad}b`),
      `Text must not contain ${codePointName(bad)}: of control characters only LF and TAB are allowed.`,
    );
    assert.equal(inert(`a${bad}b`), `a‹${codePointName(bad)}›b`);
  });
}

test('marks piled upon a letter are refused, and cut when shown', () => {
  assert.match(textProblem(`a${'\u0301'.repeat(9)}`) ?? '', /combining marks/);
  assert.equal(inert(`a${'\u0301'.repeat(500)}b`), `a${'\u0301'.repeat(8)}b`);
});

test('whatever the text, what is shown of it has no control and no mark of direction', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.doesNotMatch(inert(text), HARMFUL);
      assert.doesNotMatch(inertLine(text), HARMFUL);
      assert.doesNotMatch(inertLine(text), /[\n\t]/);
    }),
    { numRuns: 5_000 },
  );
});

test('each single character of Unicode is shown or named', () => {
  for (let point = 0; point <= 0x10ffff; point++) {
    const character = String.fromCodePoint(point);
    const shown = inertLine(character);
    if (HARMFUL.test(shown) || shown === '\n' || shown === '\t') assert.fail(codePointName(character));
  }
});

test('whatever text is accepted holds no escape, and showing it twice changes nothing', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      if (textProblem(text) === undefined)
        assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u);
      assert.equal(inert(inert(text)), inert(text));
      assert.equal(inertLine(inertLine(text)), inertLine(text));
    }),
    { numRuns: 5_000 },
  );
});

test('a hostile text costs linear time', () => {
  const began = process.cpuUsage();
  for (const part of ['\u0301', 'a\u0301', '\u001b', 'é ', '\u{e0041}']) {
    const text = part.repeat(200_000);
    inertLine(text);
    textProblem(text);
    nameProblem(text, 32);
  }
  const { user } = process.cpuUsage(began);
  assert.ok(user < 5_000_000, `${user} µs`);
});

test('a name that only looks like the room’s own is reserved too; one that contains it is not', () => {
  for (const name of ['\u0405YSTEM', 's\u0443stem', 'SYSTEM.', 'r00t', 'S-e-r-v-e-r', 'Adm1n', '\u0430dmin', 'Part\u0443line']) {
    assert.match(nameProblem(name, 32) ?? 'accepted', /is reserved/, name);
  }
  for (const name of ['Systema', 'a11', 'Анна', 'Rooter', 'here-1', 'Servane', 'al1']) assert.equal(nameProblem(name, 32), undefined, name);
});
