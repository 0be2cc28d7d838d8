import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  quoteHbaName,
  quoteIdentifier,
  quoteLiteral,
  quoteShell,
  quoteUnitWord,
} from '../../src/steps/quote.ts';

/** What people type, and what they should not. */
const HOSTILE: readonly string[] = [
  '',
  ' ',
  'plain',
  "it's",
  "'",
  "''",
  "'; rm -rf /; '",
  '"double"',
  '`id`',
  '$(id)',
  '$HOME ${HOME} $$ $1',
  'a\\b\\',
  '\\',
  "\\'",
  '\n',
  'two\nlines\n',
  '\r\n\t',
  '-n',
  '--',
  '*',
  '~',
  '#comment',
  'a;b|c&d>e<f',
  '%s %n %%',
  '!history',
  'größe — 数据 🐘',
  '\u0001\u001b[31m\u007f',
  '$pgctl$',
];

describe('quoteShell', () => {
  const throughShell = (shell: string, values: readonly string[]): string[] => {
    const { stdout } = spawnSync(shell, ['-c', `printf '%s\\0' ${values.map(quoteShell).join(' ')}`]);
    return stdout.toString('utf8').split('\0').slice(0, -1);
  };

  it('makes one word of any value, for sh', () => {
    expect(throughShell('sh', HOSTILE)).toEqual(HOSTILE);
  });

  it('makes one word of values nobody thought of', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).map((value) => value.replaceAll('\0', ''));
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 50 }), (values) => {
        expect(throughShell('sh', values)).toEqual(values);
      }),
      { numRuns: 20 },
    );
  });

  it('keeps its quotes through a second shell', () => {
    const inner = `printf '%s\\0' ${HOSTILE.map(quoteShell).join(' ')}`;
    const { stdout } = spawnSync('sh', ['-c', `sh -c ${quoteShell(inner)}`]);
    expect(stdout.toString('utf8').split('\0').slice(0, -1)).toEqual(HOSTILE);
  });
});

/** Reads one quoted SQL identifier as the server's scanner does. */
function identifierOf(sql: string): string {
  const match = /^"((?:[^"]|"")+)"$/.exec(sql);
  if (match === null) throw new Error(`not one identifier: ${sql}`);
  return (match[1] ?? '').replaceAll('""', '"');
}

/**
 * Reads one SQL string literal as the server's scanner does; whether a backslash escapes in a plain one is
 * what standard_conforming_strings says.
 */
function literalOf(sql: string, standardConforming: boolean): string {
  const text = sql.trimStart();
  const escapes = text.startsWith('E') || !standardConforming;
  let at = text.startsWith('E') ? 1 : 0;
  if (text[at] !== "'") throw new Error(`not a literal: ${sql}`);
  let value = '';
  for (at += 1; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === "'" && text[at + 1] !== "'") {
      if (at !== text.length - 1) throw new Error(`it ends early: ${sql}`);
      return value;
    }
    if (char === "'") at += 1;
    if (char === '\\' && escapes) {
      at += 1;
      if (text[at] !== '\\') throw new Error(`an escape that was not meant: ${sql}`);
    }
    value += char;
  }
  throw new Error(`it does not end: ${sql}`);
}

/** The tokens of one line of pg_hba.conf or pg_ident.conf, the way next_token() of Postgres' hba.c takes them. */
function hbaTokens(line: string): string[] {
  const tokens: string[] = [];
  let token: string | null = null;
  let inQuote = false;
  let wasQuote = false;
  for (const char of line) {
    if (!inQuote && char === '#') break;
    if (!inQuote && (char === ' ' || char === '\t' || char === ',')) {
      if (token !== null) tokens.push(token);
      token = null;
      wasQuote = false;
      continue;
    }
    token ??= '';
    if (char !== '"' || wasQuote) token += char;
    wasQuote = inQuote && char === '"' ? !wasQuote : false;
    if (char === '"') inQuote = !inQuote;
  }
  if (inQuote) throw new Error(`a quote is left open: ${line}`);
  return token === null ? tokens : [...tokens, token];
}

/** The one word of an ExecStart line, unquoted and expanded as systemd.service(5) and systemd.unit(5) say. */
function unitWordOf(line: string): string {
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(line);
  if (quoted === null && !/^[^\s"'\\;]+$/.test(line)) throw new Error(`not one word: ${line}`);
  const word = quoted === null ? line : (quoted[1] ?? '').replaceAll(/\\(.)/g, '$1');
  const expand = (text: string, sign: string): string => {
    if (text.replaceAll(sign + sign, '').includes(sign)) throw new Error(`${sign} is expanded: ${line}`);
    return text.replaceAll(sign + sign, () => sign);
  };
  return expand(expand(word, '%'), '$');
}

const named = HOSTILE.filter((value) => value !== '');
const oneLine = named.filter((value) => !/[\n\r]/.test(value));

describe('for other readers', () => {
  it.each(named)('an SQL identifier stays %j', (value) => {
    expect(identifierOf(quoteIdentifier(value))).toBe(value);
  });

  it.each(HOSTILE)('an SQL literal stays %j, whatever standard_conforming_strings says', (value) => {
    expect([true, false].map((setting) => literalOf(quoteLiteral(value), setting))).toEqual([value, value]);
  });

  it('an E literal does not grow together with the word before it', () => {
    expect(`select 'x' like${quoteLiteral('a\\')}`).toBe("select 'x' like E'a\\\\'");
  });

  it.each(oneLine)('a name in pg_hba.conf stays %j', (value) => {
    const quoted = quoteHbaName(value);
    expect(hbaTokens(`host ${quoted} ${quoted} x`)).toEqual(['host', value, value, 'x']);
    // Quoted it is a name; bare, `all` and `+x` have a meaning.
    expect(quoted.startsWith('"')).toBe(true);
  });

  it.each([...oneLine, ''])('a word of a unit stays %j', (value) => {
    expect(unitWordOf(quoteUnitWord(value))).toBe(value);
  });

  it('an ordinary path in a unit is left readable', () => {
    expect(quoteUnitWord('/var/lib/pgctl/shop.n1.host-1/patroni.yml')).toBe(
      '/var/lib/pgctl/shop.n1.host-1/patroni.yml',
    );
  });
});

it.each<[title: string, quote: (value: string) => string, value: string]>([
  ['NUL in a shell word', quoteShell, 'a\0b'],
  ['NUL in an identifier', quoteIdentifier, 'a\0b'],
  ['an empty identifier', quoteIdentifier, ''],
  ['NUL in a literal', quoteLiteral, 'a\0b'],
  ['NUL in pg_hba.conf', quoteHbaName, 'a\0b'],
  ['a new line in pg_hba.conf', quoteHbaName, 'a\nhost all all 0.0.0.0/0 trust'],
  ['a carriage return in pg_hba.conf', quoteHbaName, 'a\rb'],
  ['NUL in a unit', quoteUnitWord, 'a\0b'],
  ['a new line in a unit', quoteUnitWord, 'a\nExecStart=/bin/sh'],
])('%s is refused', (_title, quote, value) => {
  expect(() => quote(value)).toThrow();
});
