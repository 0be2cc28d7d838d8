import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { decodeText } from '../../src/spec/text.ts';
import { plainTree } from '../../src/spec/tree.ts';
import { parseYaml } from '../../src/spec/yaml.ts';
import { read, SHOP } from './fixtures.ts';

const RUNS = { numRuns: 500 };

/** Reads without throwing, and gives either issues with places or a spec. */
function check(text: string | Uint8Array): void {
  const result = read(text);
  if (result.ok) {
    expect(result.spec.id).not.toBe('');
    return;
  }
  expect(result.issues.length).toBeGreaterThan(0);
  for (const issue of result.issues) {
    expect(issue.line).toBeGreaterThan(0);
    expect(issue.column).toBeGreaterThan(0);
    expect(issue.message).toMatch(/^[^\n]+$/);
    expect(issue.message).not.toMatch(/\p{Cc}/u);
  }
}

const FIELDS = [
  'id',
  'nodes',
  'name',
  'host_ids',
  'port',
  'database_users',
  'username',
  'password',
  'roles',
  'attributes',
  'postgresql_conf',
  'pg_hba_conf',
  'spec',
  '__proto__',
  'constructor',
  'toString',
];

/** Values that look like parts of a spec, and are not. */
const almost = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom('shop', 'n1', 'host-1', 'LOGIN', 17, 5432, null, true, '', 0),
    fc.jsonValue({ maxDepth: 1 }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.constantFrom(...FIELDS), tie('value')), { maxLength: 6 })
      .map((entries) => Object.fromEntries(entries) as unknown),
  ),
})).value;

const id = fc.stringMatching(/^[a-z0-9]([a-z0-9]{0,10}(-[a-z0-9]{1,10}){0,2})?$/);
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 15 }).filter((text) => {
  const reserved = /[\p{Cc}\p{Cs}]|^pg_|^pgctl|^(postgres|replicator|rewind_user|public|none|template[01])$/u;
  return !reserved.test(text) && new TextEncoder().encode(text).length <= 63;
});
const line = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((text) => !/[\r\n\0\p{Cs}]/u.test(text));

/** Valid specs of every shape. */
const valid = fc.record(
  {
    id: id.filter((text) => text !== 'postgres'),
    tenant_id: id,
    database_name: name,
    postgres_version: fc.constantFrom('15', '16.2', '17.10', '18'),
    port: fc.integer({ min: 1024, max: 30_000 }),
    patroni_port: fc.integer({ min: 30_001, max: 65_535 }),
    nodes: fc
      .record({
        name: fc.constantFrom('n1', 'n9'),
        host_ids: fc.uniqueArray(id, { minLength: 1, maxLength: 5 }),
      })
      .map((node) => [node]),
    database_users: fc.uniqueArray(
      fc.record(
        { username: name, password: line.filter((text) => text !== '') },
        { requiredKeys: ['username'] },
      ),
      { maxLength: 4, selector: (user) => user.username },
    ),
    postgresql_conf: fc.dictionary(fc.stringMatching(/^my_ext\.[a-z]{1,8}$/), line, { maxKeys: 4 }),
  },
  { requiredKeys: ['id', 'nodes'] },
);

describe('reading', () => {
  it('never throws for bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), RUNS);
  });

  it('never throws for text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 10 }),
      fc.constantFrom(
        '\n',
        '  ',
        '- ',
        ': ',
        '[',
        ']',
        '{',
        '}',
        '"',
        "'",
        '#',
        '&a ',
        '*a',
        '!',
        '|',
        '>',
        '%',
        '---\n',
        '? ',
        'id',
        'nodes',
        '<<',
      ),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
        check,
      ),
      RUNS,
    );
  });

  it('never throws for a spec with a piece cut out or put in', () => {
    const edit = fc.tuple(fc.nat(SHOP.length), fc.nat(20), fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(edit, ([at, length, put]) => check(SHOP.slice(0, at) + put + SHOP.slice(at + length))),
      RUNS,
    );
  });

  it('never throws for values that look like parts of a spec', () => {
    fc.assert(
      fc.property(almost, (value) => check(JSON.stringify(value))),
      RUNS,
    );
  });

  it('reads JSON as JSON has it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value);
        const decoded = decodeText(new TextEncoder().encode(text));
        const parsed = decoded.ok ? parseYaml(decoded.text) : undefined;
        if (parsed?.ok !== true) return;
        const tree = plainTree(parsed.root);
        if (tree.issues.length === 0) expect(tree.value).toEqual(JSON.parse(text));
      }),
      RUNS,
    );
  });

  it('keeps every value of a valid spec, as JSON and as YAML', () => {
    fc.assert(
      fc.property(valid, (written) => {
        for (const text of [JSON.stringify(written), stringify(written)]) {
          const result = read(text);
          expect(result).toMatchObject({ ok: true });
          if (!result.ok) return;
          const { spec, stored } = result;
          const {
            database_users: users = [],
            nodes,
            database_name: named,
            postgresql_conf: conf = {},
            ...plain
          } = written;
          expect(spec).toMatchObject({ ...plain, database_name: named ?? written.id });
          expect(spec.nodes).toMatchObject(nodes);
          expect(spec.postgresql_conf).toEqual(conf);
          expect(spec.database_users.map((user) => [user.username, user.password?.reveal()])).toEqual(
            users.map((user) => [user.username, user.password]),
          );
          const again = read(JSON.stringify(stored));
          expect(again.ok && again.stored).toEqual(stored);
          expect(again.ok && again.spec.postgresql_conf).toEqual(conf);
        }
      }),
      RUNS,
    );
  });
});
