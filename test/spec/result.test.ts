import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { canonicalJson } from '../../src/json.ts';
import type { Json } from '../../src/json.ts';
import { effectiveNode } from '../../src/spec/effective.ts';
import type { DatabaseSpec } from '../../src/spec/types.ts';
import { CANARY, changed, errorsOf, read, SHOP, specOf, withLines } from './fixtures.ts';

function withoutPasswords(spec: DatabaseSpec): DatabaseSpec {
  const users = spec.database_users.map(({ password: _password, ...user }) => user);
  return { ...spec, database_users: users };
}

function good(text: string): Extract<ReturnType<typeof read>, { ok: true }> {
  const result = read(text);
  if (!result.ok) throw new Error(errorsOf(text).join('\n'));
  return result;
}

/** The valid spec as the body of a request. */
const BODY = `id: shop\ntenant_id: acme\nspec:\n${SHOP.split('\n')
  .slice(2)
  .map((line) => `  ${line}`)
  .join('\n')}`;

describe('a spec that was read', () => {
  it('has every value in one form, and its defaults', () => {
    expect(JSON.parse(JSON.stringify(specOf(SHOP)))).toMatchInlineSnapshot(`
      {
        "database_name": "shop_db",
        "database_users": [
          {
            "attributes": [
              "LOGIN",
              "CONNECTION LIMIT 20",
            ],
            "db_owner": true,
            "password": "[redacted]",
            "roles": [
              "pg_monitor",
            ],
            "username": "app",
          },
          {
            "attributes": [
              "LOGIN",
              "NOINHERIT",
            ],
            "db_owner": false,
            "roles": [
              "app",
            ],
            "username": "report",
          },
        ],
        "id": "shop",
        "nodes": [
          {
            "host_ids": [
              "host-1",
              "host-2",
              "host-3",
            ],
            "name": "n1",
            "patroni_port": 8010,
            "pg_hba_conf": [
              "host shop_db app 10.1.0.0/16 scram-sha-256",
            ],
            "pg_ident_conf": [
              "admins bob app",
            ],
            "port": 5434,
            "postgresql_conf": {
              "work_mem": "8MB",
            },
          },
        ],
        "patroni_port": 8009,
        "pg_hba_conf": [
          "host all all 10.0.0.0/8 scram-sha-256",
        ],
        "pg_ident_conf": [
          "admins alice app",
        ],
        "port": 5433,
        "postgres_version": "17.4",
        "postgresql_conf": {
          "jit": "off",
          "max_connections": "200",
          "shared_buffers": "1GB",
          "work_mem": "4MB",
        },
        "tenant_id": "acme",
      }
    `);
  });

  it('has defaults for what is left out', () => {
    expect(specOf(withLines())).toEqual({
      id: 'shop',
      database_name: 'shop',
      nodes: [{ name: 'n1', host_ids: ['a'], postgresql_conf: {}, pg_hba_conf: [], pg_ident_conf: [] }],
      database_users: [],
      postgresql_conf: {},
      pg_hba_conf: [],
      pg_ident_conf: [],
    });
  });

  it.each([
    ['17', '17'],
    ['"17"', '17'],
    ['17.4', '17.4'],
    ['17.10', '17.10'],
    ['"17.10"', '17.10'],
    ['18.0', '18.0'],
  ])('has the version as written: %s', (written, version) => {
    expect(specOf(withLines(`postgres_version: ${written}`)).postgres_version).toBe(version);
  });

  it('has a password that reveals itself when asked, and only then', () => {
    const result = good(SHOP);
    expect(result.spec.database_users[0]?.password?.reveal()).toBe(CANARY);
    expect(JSON.stringify(result)).not.toContain(CANARY);
    expect(inspect(result, { depth: 20, showHidden: true })).not.toContain(CANARY);
  });

  it.each<[title: string, text: string]>([
    ['a wrong type', changed(`password: ${CANARY}`, `password: [${CANARY}]`)],
    ['an unknown field', changed(`password: ${CANARY}`, `passwort: ${CANARY}`)],
    ['a user that is text', changed('- username: report', `- report:${CANARY}\n  - username: x`)],
    ['an alias', changed(CANARY, `*${CANARY}`)],
    ['a tag', changed(CANARY, `!${CANARY}`)],
    ['a reserved character', changed(CANARY, `@${CANARY}`)],
    ['a colon', changed(CANARY, `x: ${CANARY}`)],
    ['an open quote', changed(CANARY, `"${CANARY}`)],
    ['text after a quote', changed(CANARY, `"a" ${CANARY}`)],
    ['an attribute', changed('[LOGIN, NOINHERIT]', `["PASSWORD '${CANARY}'"]`)],
    [
      'an option of a method',
      changed('10.0.0.0/8 scram-sha-256', `10.0.0.0/8 ldap ldapbindpasswd=${CANARY}`),
    ],
    ['a parameter', changed('jit: false', `primary_conninfo: ${CANARY}`)],
  ])('does not leak a password in its errors: %s', (_title, text) => {
    const result = read(text);
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain(CANARY);
  });
});

describe('the stored spec', () => {
  it('is complete, and has no password', () => {
    expect(good(SHOP).stored).toMatchInlineSnapshot(`
      {
        "database_name": "shop_db",
        "database_users": [
          {
            "attributes": [
              "LOGIN",
              "CONNECTION LIMIT 20",
            ],
            "db_owner": true,
            "roles": [
              "pg_monitor",
            ],
            "username": "app",
          },
          {
            "attributes": [
              "LOGIN",
              "NOINHERIT",
            ],
            "roles": [
              "app",
            ],
            "username": "report",
          },
        ],
        "id": "shop",
        "nodes": [
          {
            "host_ids": [
              "host-1",
              "host-2",
              "host-3",
            ],
            "name": "n1",
            "patroni_port": 8010,
            "pg_hba_conf": [
              "host shop_db app 10.1.0.0/16 scram-sha-256",
            ],
            "pg_ident_conf": [
              "admins bob app",
            ],
            "port": 5434,
            "postgresql_conf": {
              "work_mem": "8MB",
            },
          },
        ],
        "patroni_port": 8009,
        "pg_hba_conf": [
          "host all all 10.0.0.0/8 scram-sha-256",
        ],
        "pg_ident_conf": [
          "admins alice app",
        ],
        "port": 5433,
        "postgres_version": "17.4",
        "postgresql_conf": {
          "jit": "off",
          "max_connections": 200,
          "shared_buffers": "1GB",
          "work_mem": "4MB",
        },
        "tenant_id": "acme",
      }
    `);
  });

  it.each([
    ['YAML', SHOP],
    ['a request body', BODY],
    ['the least there is', withLines()],
  ])('gives the same spec again, passwords aside: %s', (_title, text) => {
    const { spec, stored } = good(text);
    expect(specOf(JSON.stringify(stored))).toEqual(withoutPasswords(spec));
    expect(specOf(stringify(stored))).toEqual(withoutPasswords(spec));
    expect(good(JSON.stringify(stored)).stored).toEqual(stored);
  });

  it('is the same for two files that mean the same', () => {
    const other = SHOP.replace('max_connections: 200', 'MAX_CONNECTIONS: "200"')
      .replace('jit: false', 'jit: off')
      .replace('[login, Connection Limit 20]', '["LOGIN", connection  limit 20]')
      .replace(CANARY, 'another');
    const text = (value: Json): string => canonicalJson(value);
    expect(text(good(other).stored)).toBe(text(good(SHOP).stored));
  });
});

describe('a request body', () => {
  it('is read like the bare spec', () => {
    expect(withoutPasswords(specOf(BODY))).toEqual(withoutPasswords(specOf(SHOP)));
  });

  it('may have the id in the spec too, but not another one', () => {
    const body = (id: string): string => `id: shop\nspec: {id: ${id}, nodes: [{name: n1, host_ids: [a]}]}`;
    expect(errorsOf(body('shop'))).toEqual([]);
    expect(errorsOf(body('other'))).toEqual([
      'shop.yaml:2:12: spec.id: "other" differs from the id beside the spec; keep one',
    ]);
  });

  it('has errors with the paths and places of the file', () => {
    expect(
      errorsOf(
        '{"id": "shop",\n "spec": {"nodes": [{"name": "n1", "host_ids": ["A"], "cpus": "1"}], "nods": 1},\n "state": 1}',
      ),
    ).toEqual([
      'shop.yaml:2:49: spec.nodes[0].host_ids[0]: "A" is not an id; use 1 to 36 of a-z, 0-9 and single hyphens, with a letter or digit at both ends',
      'shop.yaml:2:55: spec.nodes[0].cpus: not supported yet; remove it, and tune Postgres through postgresql_conf',
      'shop.yaml:2:70: spec.nods: unknown field; did you mean "nodes"?',
      'shop.yaml:3:2: state: unknown field; the request body has id, tenant_id, spec',
    ]);
  });

  it('needs its id beside the spec', () => {
    expect(errorsOf('spec: {nodes: [{name: n1, host_ids: [a]}]}')).toEqual([
      'shop.yaml:1:1: id: is missing; give the database an id',
    ]);
  });

  it.each(['1', '[]', ''])('has a map for a spec, not "%s"', (spec) => {
    expect(errorsOf(`id: shop\nspec: ${spec}\n`)).toHaveLength(1);
  });
});

describe('a database without a name of its own', () => {
  it.each(['postgres', 'template1'])('cannot have the id %s for its name', (id) => {
    expect(errorsOf(`id: ${id}\nnodes: [{name: n1, host_ids: [a]}]`)).toEqual([
      `shop.yaml:1:1: database_name: is missing, and the id "${id}" cannot stand in for it; give the database another name`,
    ]);
  });
});

describe('positions', () => {
  it.each<[path: string, line: number, column: number]>([
    ['id', 1, 5],
    ['port', 5, 7],
    ['nodes[0].host_ids[1]', 9, 24],
    ['nodes[0].host_ids[7]', 9, 15],
    ['nodes[0].nothing.here', 8, 5],
    ['nodes[3].port', 8, 3],
    ['postgresql_conf.max_connections', 28, 20],
    ['', 1, 1],
  ])('of %s', (path, line, column) => {
    expect(good(SHOP).positions.at(path)).toEqual({ line, column });
  });

  it('are those of the spec in a request body, and of the id beside it', () => {
    const { positions } = good(BODY);
    expect(positions.at('nodes[0].host_ids[1]')).toEqual({ line: 10, column: 26 });
    expect(positions.at('id')).toEqual({ line: 1, column: 5 });
    expect(positions.at('postgresql_conf.jit')).toEqual({ line: 32, column: 10 });
  });
});

describe('effectiveNode', () => {
  it("puts the node's values over the database's", () => {
    const spec = specOf(SHOP);
    expect(effectiveNode(spec, spec.nodes[0]!)).toEqual({
      name: 'n1',
      host_ids: ['host-1', 'host-2', 'host-3'],
      port: 5434,
      patroni_port: 8010,
      postgresql_conf: { max_connections: '200', shared_buffers: '1GB', work_mem: '8MB', jit: 'off' },
      pg_hba_conf: ['host all all 10.0.0.0/8 scram-sha-256', 'host shop_db app 10.1.0.0/16 scram-sha-256'],
      pg_ident_conf: ['admins alice app', 'admins bob app'],
    });
  });

  it("inherits the database's where the node says nothing", () => {
    const spec = specOf(withLines('port: 5555', 'postgresql_conf: {jit: off}'));
    expect(effectiveNode(spec, spec.nodes[0]!)).toMatchObject({
      port: 5555,
      postgresql_conf: { jit: 'off' },
    });
    expect(effectiveNode(spec, spec.nodes[0]!)).not.toHaveProperty('patroni_port');
  });
});
