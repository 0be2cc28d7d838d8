import { expect, test } from 'vitest';
import { cleanDocument, cleanPainted, cleanText, indentRest, oneLine } from '../../src/ui/clean.ts';
import { ESC } from './screen.ts';

test.each([
  ['a colour', `a${ESC}[31mb${ESC}[0m`, 'ab'],
  ['clearing the screen', `a${ESC}[2J${ESC}[Hb`, 'ab'],
  ['a window title', `a${ESC}]0;evil\u0007b`, 'ab'],
  ['a link', `${ESC}]8;;http://evil${ESC}\\text${ESC}]8;;${ESC}\\`, 'text'],
  ['a reset', `x${ESC}c`, 'x'],
  ['an escape that is cut off', `x${ESC}`, 'x'],
  ['8-bit controls', 'a\u009b31mb\u0090c', 'abc'],
  ['going back to the start of the line', 'error: all is well\rdone', 'error: all is welldone'],
  ['bells, backspaces and nulls', 'a\u0007\u0008\u0000b', 'ab'],
  ['text in another order', 'safe\u202egnp.exe', 'safegnp.exe'],
  ['nothing of the kind: tabs, lines, accents and emoji', 'ä\tb\n→ 🐘', 'ä\tb\n→ 🐘'],
])('a text loses %s', (_, hostile, harmless) => {
  expect(cleanText(hostile)).toBe(harmless);
});

test('a document loses it everywhere, and keeps what is no text', () => {
  const document = { kind: 'X', [`k${ESC}[1m`]: [`v${ESC}[2J`, 1, null, true], deep: { a: '\u0007' } };
  expect(cleanDocument(document)).toEqual({ kind: 'X', k: ['v', 1, null, true], deep: { a: '' } });
});

test('a painted text keeps its colours only', () => {
  expect(cleanPainted(`${ESC}[31mred${ESC}[39m${ESC}[2J\u0007`)).toBe(`${ESC}[31mred${ESC}[39m`);
});

test('a second line cannot pass for one of pgctl', () => {
  expect(oneLine('it broke\n\n  hint: run this \n')).toBe('it broke / hint: run this');
  expect(indentRest('it broke\nhint: run this\n')).toBe('it broke\n  hint: run this');
});
