import fc from 'fast-check';

/** Names that somebody gives to see what happens. None of them is an id. */
export const HOSTILE_NAMES: readonly string[] = [
  "'; drop table x",
  '"; drop table x; --',
  '$(reboot)',
  '`reboot`',
  '${IFS}reboot',
  '../..',
  '../../etc/passwd',
  '/etc/passwd',
  '.',
  '..',
  '-oProxyCommand=x',
  '--',
  '-rf',
  '--yes',
  '',
  ' ',
  'a b',
  'a--b',
  '-a',
  'a-',
  'A',
  'a/b',
  'a.b',
  'a\nb',
  'a\r\nb',
  'a\tb',
  'a\0b',
  '%s%n%p',
  '%2e%2e%2f',
  '*',
  '~root',
  '{{7*7}}',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'local--machine',
  // Look-alikes: Cyrillic o, a full-width letter, a combining accent, a ligature, a soft hyphen.
  'sh\u043ep',
  '\uff53hop',
  'e\u0301',
  '\ufb01',
  'sh\u00adop',
  // What turns a terminal's line round, and what paints it.
  'a\u202eb',
  '\u001b[31mred',
  '\u200bshop',
  '\ufeffshop',
  '🐘',
  'x'.repeat(37),
  'x'.repeat(100_000),
  '\ud800',
];

/** Any of them, or something like them. */
export const hostileName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...HOSTILE_NAMES),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc
    .tuple(fc.constantFrom(...HOSTILE_NAMES.slice(0, 14)), fc.constantFrom('shop', 'host-1', 'n1'))
    .map((parts) => parts.join('')),
);

/** What a program cannot be given as an argument. */
export const isArgument = (text: string): boolean => !/[\0\p{Cs}]/u.test(text);
