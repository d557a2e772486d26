/** The tests' own terminal is right about what a person sees, or no test on it means anything. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Screen } from './support/screen.ts';

function shown(output: string, columns = 10, rows = 4): Screen {
  const screen = new Screen(columns, rows);
  screen.write(output);
  return screen;
}

test('a line wraps when a character follows the last column, not before', () => {
  assert.deepEqual(shown('0123456789').cursor, { line: 0, column: 9 });
  assert.equal(shown('0123456789a').text, '0123456789\na');
  assert.equal(shown('0123456789\r\nb').text, '0123456789\nb');
  assert.equal(shown('012345678好').text, '012345678\n好');
});

test('the cursor moves and what is written replaces what was there', () => {
  assert.equal(shown('abc\u001b[2Dx').text, 'axc');
  assert.equal(shown('abc\r\ndef\u001b[1A\rX').text, 'Xbc\ndef');
  assert.equal(shown('abc\u001b[1Gz').text, 'zbc');
  assert.equal(shown('abc\bz').text, 'abz');
});

test('clearing down takes the rest of the line and every line below', () => {
  assert.equal(shown('abc\r\ndef\r\nghi\u001b[2A\r\u001b[1C\u001b[0J').text, 'a');
  assert.equal(shown('abc\r\ndef\u001b[2J\u001b[3J\u001b[Hx').text, 'x');
});

test('the window scrolls, what left it is kept, and the cursor cannot go back there', () => {
  const screen = shown('1\r\n2\r\n3\r\n4\r\n5\u001b[9A\rX');
  assert.equal(screen.text, '1\nX\n3\n4\n5');
});

test('colours and bells move nothing; unknown sequences are told, however they are cut', () => {
  const screen = new Screen(10, 4);
  for (const character of 'a\u001b[31mb\u001b[0m\u0007\u001b]0;title\u0007\u001b[5n') screen.write(character);
  assert.equal(screen.text, 'ab');
  assert.equal(screen.bells, 1);
  assert.deepEqual(screen.unknown, ['\u001b]0;title\u0007', '\u001b[5n']);
  assert.deepEqual(shown('\u009b31m').unknown, ['\u009b']);
});

test('another width wraps the lines anew, and the cursor stays with its character', () => {
  const screen = shown('first\r\n0123456789abcdef', 10);
  screen.resize(20, 4);
  assert.equal(screen.text, 'first\n0123456789abcdef');
  assert.deepEqual(screen.cursor, { line: 1, column: 16 });
  screen.resize(5, 4);
  assert.equal(screen.text, 'first\n01234\n56789\nabcde\nf');
  assert.deepEqual(screen.cursor, { line: 4, column: 1 });
});
