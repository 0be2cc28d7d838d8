import fc from 'fast-check';
import { stringify } from 'yaml';
import { CANARY, SHOP } from '../spec/fixtures.ts';
import { HOSTILE_NAMES, hostileName } from './hostile.ts';

/** What a file can hold, as text or as bytes. */
export type Content = string | Uint8Array;

/** Values that are something else than what a field wants. */
const wrong: fc.Arbitrary<unknown> = fc.oneof(
  { maxDepth: 3 },
  hostileName,
  fc.constantFrom(null, true, false, 0, -1, 1e21, 1.5, 65_536, 5432, '5432', [], {}, [[]], ['']),
  fc.jsonValue({ maxDepth: 2 }),
);

/** A spec of everything that a spec has, each part of which is right or wrong by chance. */
const parts = (right: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 30, arbitrary: right }, { weight: 1, arbitrary: wrong });

const text = (...words: readonly string[]): fc.Arbitrary<unknown> => parts(fc.constantFrom(...words));
const listOf = (item: fc.Arbitrary<unknown>, most = 3): fc.Arbitrary<unknown> =>
  parts(fc.array(item, { maxLength: most }));
const record = (fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
  parts(fc.record(fields, { requiredKeys: [] }));

/** Names that Postgres takes, though nobody would. */
const oddNames = HOSTILE_NAMES.filter(
  (name) => name !== '' && !/[\p{Cc}\p{Cs}]/u.test(name) && new TextEncoder().encode(name).length <= 63,
);
const settings = parts(
  fc.dictionary(
    fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('work_mem', 'my_ext.note', 'Jit', 'DateStyle') },
      { weight: 1, arbitrary: fc.oneof(fc.constantFrom('port', 'ssl'), hostileName) },
    ),
    parts(fc.oneof(fc.constantFrom('8MB', 'on', 12, 1.5, true, "it's"), hostileName)),
    { maxKeys: 3 },
  ),
);
const hbaLines = parts(
  fc.array(
    fc.oneof(
      { weight: 8, arbitrary: text('host all all 10.0.0.0/8 scram-sha-256', 'local all "it\'s" peer') },
      { weight: 1, arbitrary: text('host all all 0/0 trust', '#', '') },
    ),
    { maxLength: 3 },
  ),
);

const structured: fc.Arbitrary<unknown> = record({
  id: text('shop', 'a'),
  tenant_id: text('acme'),
  database_name: text('shop', ...oddNames),
  postgres_version: text('17', '17.4', '16', '18.0', '15', '14'),
  port: parts(fc.constantFrom(5433, 5434, 6000, 65_535, 1023)),
  patroni_port: parts(fc.constant(8009)),
  nodes: parts(
    fc
      .record(
        {
          name: text('n1', 'n9'),
          host_ids: parts(fc.uniqueArray(text('host-1', 'host-2', 'host-3'), { minLength: 1 })),
          port: parts(fc.constant(5434)),
          postgresql_conf: settings,
          pg_hba_conf: hbaLines,
        },
        { requiredKeys: ['name', 'host_ids'] },
      )
      .map((node) => [node]),
  ),
  database_users: listOf(
    record({
      username: text('app', ...oddNames),
      password: text('canary-word'),
      db_owner: parts(fc.boolean()),
      attributes: listOf(text('LOGIN', 'createdb', 'SUPERUSER', "PASSWORD 'canary-word'")),
      roles: listOf(text('pg_monitor', 'app')),
    }),
    2,
  ),
  postgresql_conf: settings,
  pg_hba_conf: hbaLines,
});

/** The smallest spec, with one more field. */
const withOne = fc
  .tuple(
    fc.constantFrom('database_name', 'tenant_id', 'id', '__proto__', 'scripts', 'postgresql_conf'),
    fc.oneof(hostileName, wrong),
  )
  .map(([field, value]) =>
    JSON.stringify({ id: 'shop', nodes: [{ name: 'n1', host_ids: ['a'] }] }).replace(
      /\}$/,
      () => `,${JSON.stringify(field)}:${JSON.stringify(value) ?? 'null'}}`,
    ),
  );

/** Structures that cost a careless reader its stack, its memory or its patience. */
const size = fc.integer({ min: 1, max: 20_000 });
const bomb = fc.oneof(
  fc
    .tuple(fc.constantFrom('[', '{"a":', '- ', '{a: ', '? '), size)
    .map(([piece, count]) => piece.repeat(count)),
  size.map((count) => Array.from({ length: count }, (_, n) => `${'  '.repeat(n % 80)}a${n}:\n`).join('')),
  size.map((count) => 'id: shop\n'.repeat(count)),
  size.map((count) => `id: ${'x'.repeat(count * 10)}`),
  size.map((count) => `${'k'.repeat(count)}: 1\n`),
  fc.integer({ min: 2, max: 12 }).map((levels) => {
    const lines = Array.from({ length: levels }, (_, n) => {
      const before = n === 0 ? '"lol"' : `*a${n - 1}`;
      return `a${n}: &a${n} [${Array.from({ length: 9 }, () => before).join(',')}]`;
    });
    return `${lines.join('\n')}\n${SHOP}`;
  }),
  fc.constantFrom(
    '&a [*a]',
    '&a {b: *a}',
    'id: *nobody',
    'a: &x\n  <<: *x',
    'nodes: &n [{name: n1}]\nid: *n',
  ),
  size.map((count) => '&a '.repeat(count)),
  size.map((count) => `"${'\\'.repeat(count)}`),
  size.map((count) => '!'.repeat(count)),
);

/** A valid spec with something done to it. */
const piece = fc.oneof(
  hostileName.map((name) => name.slice(0, 200)),
  fc.constantFrom(
    '\n',
    '\r\n',
    '\r',
    '\ufeff',
    '\0',
    '\t',
    ': ',
    '- ',
    '&a ',
    '*a',
    '<<: ',
    '|',
    '{',
    ']',
    '"',
  ),
);
/** Where a cut ends: one that took the word `password` but not the password would make that somebody's name. */
function endOfCut(at: number, length: number): number {
  const [word, secret] = [SHOP.indexOf('\n    password'), SHOP.indexOf(CANARY)];
  const end = at + length;
  return at <= word && end > word && end < secret + CANARY.length ? word : end;
}
const edited = fc
  .tuple(fc.nat(SHOP.length), fc.oneof(fc.constant(0), fc.nat(40)), piece)
  .map(([at, length, put]) => SHOP.slice(0, at) + put + SHOP.slice(Math.max(at, endOfCut(at, length))));
const lineEnds = fc
  .tuple(fc.constantFrom('\r\n', '\r', '\n\n', '\u2028', '\u0085'), fc.constantFrom('', '\ufeff'), edited)
  .map(([end, mark, spec]) => mark + spec.replaceAll('\n', end));
const SHOP_LINES = SHOP.trimEnd().split('\n');
const twice = fc.nat(SHOP_LINES.length - 1).map((n) => {
  const again = SHOP_LINES[n] ?? '';
  return SHOP_LINES.toSpliced(n, 0, again).join('\n');
});

/** Not text, or not in UTF-8. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.tuple(fc.nat(SHOP.length), fc.uint8Array({ minLength: 1, maxLength: 4 })).map(([at, put]) => {
    const whole = Buffer.from(SHOP);
    return new Uint8Array(Buffer.concat([whole.subarray(0, at), put, whole.subarray(at)]));
  }),
  fc.constantFrom('utf16le' as const, 'latin1' as const).map((code) => Buffer.from(`ÿ${SHOP}`, code)),
);

/** Far more than a spec has, of one byte. */
export const HUGE: readonly Content[] = ['#', 'a', '\n', '-', '[', '"', '\0'].flatMap((character) =>
  [2, 10].map((megabytes) => Buffer.alloc(megabytes * 1024 * 1024, character)),
);

/** Files that are given as specs. */
export const hostileSpec: fc.Arbitrary<Content> = fc.oneof(
  { weight: 10, arbitrary: structured.map((value) => JSON.stringify(value) ?? '') },
  { weight: 4, arbitrary: structured.map((value) => stringify(value)) },
  { weight: 6, arbitrary: withOne },
  { weight: 6, arbitrary: edited },
  { weight: 2, arbitrary: lineEnds },
  { weight: 1, arbitrary: twice },
  { weight: 3, arbitrary: bytes },
  { weight: 1, arbitrary: bomb },
);
