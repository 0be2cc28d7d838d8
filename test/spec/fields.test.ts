import { describe, expect, it } from 'vitest';
import { changed, errorsOf, SHOP } from './fixtures.ts';

const ID_RULE = 'use 1 to 36 of a-z, 0-9 and single hyphens, with a letter or digit at both ends';
const PORT_RULE = 'must be a whole number from 1024 to 65535, not';
const FIELDS =
  'id, tenant_id, database_name, postgres_version, port, patroni_port, nodes, database_users, postgresql_conf, pg_hba_conf, pg_ident_conf';

describe('a spec with one thing wrong', () => {
  it('is valid before the change', () => {
    expect(errorsOf(SHOP)).toEqual([]);
  });

  it.each<[title: string, from: string, to: string, error: string]>([
    ['an id with a capital', 'id: shop', 'id: Shop', `1:5: id: "Shop" is not an id; ${ID_RULE}`],
    ['an id with two hyphens', 'id: shop', 'id: a--b', `1:5: id: "a--b" is not an id; ${ID_RULE}`],
    ['an empty id', 'id: shop', 'id: ""', `1:5: id: "" is not an id; ${ID_RULE}`],
    ['an id that climbs', 'id: shop', 'id: ../..', `1:5: id: "../.." is not an id; ${ID_RULE}`],
    ['an id that is a command', 'id: shop', 'id: $(reboot)', `1:5: id: "$(reboot)" is not an id; ${ID_RULE}`],
    ['an id that is an option', 'id: shop', 'id: -oProxy=x', `1:5: id: "-oProxy=x" is not an id; ${ID_RULE}`],
    ['an id that is a number', 'id: shop', 'id: 12', '1:5: id: must be text, not a number; put it in quotes'],
    ['an id without a value', 'id: shop', 'id:', '1:1: id: has no value; give one, or leave the field out'],
    ['no id', 'id: shop\n', '', '1:1: id: is missing; give the database an id'],
    ['a bad tenant', 'tenant_id: acme', 'tenant_id: a_b', `2:12: tenant_id: "a_b" is not an id; ${ID_RULE}`],
    [
      'a database that Postgres brings',
      'shop_db\npost',
      'template1\npost',
      '3:16: database_name: "template1" is a database that Postgres itself brings; choose another name',
    ],
    [
      'a name longer than Postgres keeps',
      'name: shop_db',
      `name: ${'ä'.repeat(32)}`,
      `3:16: database_name: "${'ä'.repeat(32)}" has 64 bytes; Postgres names have at most 63`,
    ],
    [
      'an old Postgres',
      '"17.4"',
      '14',
      '4:19: postgres_version: Postgres "14" is not supported; use 15, 16, 17 or 18',
    ],
    [
      'a version that is none',
      '"17.4"',
      'latest',
      '4:19: postgres_version: "latest" is not a version; write a major such as 17 or a minor such as "17.4"',
    ],
    [
      'a version that is a list',
      '"17.4"',
      '[17]',
      '4:19: postgres_version: must be a version, not a list; write a major such as 17 or a minor such as "17.4"',
    ],
    ['a port below 1024', 'port: 5433', 'port: 543', `5:7: port: ${PORT_RULE} 543`],
    ['a port above 65535', 'port: 5433', 'port: 65536', `5:7: port: ${PORT_RULE} 65536`],
    ['a broken port', 'port: 5433', 'port: 5433.5', `5:7: port: ${PORT_RULE} 5433.5`],
    ['a port in quotes', 'port: 5433', 'port: "5433"', `5:7: port: ${PORT_RULE} the text "5433"`],
    ['a port that is a list', 'port: 5433', 'port: [5433]', `5:7: port: ${PORT_RULE} a list`],
    [
      'a huge port',
      'port: 5433',
      `port: ${'9'.repeat(30)}`,
      `5:7: port: ${PORT_RULE} the text "${'9'.repeat(30)}"`,
    ],
    [
      'port 0',
      'port: 5433',
      'port: 0',
      '5:7: port: 0, a port by chance, is not supported; leave it out, and pgctl takes the lowest free one',
    ],
    [
      'one port for both',
      'patroni_port: 8009',
      'patroni_port: 5433',
      '6:15: patroni_port: port and patroni_port are both 5433; give them different ones',
    ],
    [
      "one port for both, one of them the node's",
      'port: 5434\n    patroni_port: 8010',
      'port: 8009',
      '10:11: nodes[0].port: port and patroni_port are both 8009; give them different ones',
    ],
    [
      'no nodes',
      SHOP.slice(SHOP.indexOf('nodes:'), SHOP.indexOf('database_users:')),
      'nodes: []\n',
      '7:8: nodes: is empty; give a node with its name and host_ids',
    ],
    [
      'nodes that are a map',
      SHOP.slice(SHOP.indexOf('nodes:'), SHOP.indexOf('database_users:')),
      'nodes: {n1: [a]}\n',
      '7:8: nodes: must be a list, not a map',
    ],
    [
      'two nodes',
      'database_users:',
      '  - {name: n2, host_ids: [host-4]}\ndatabase_users:',
      '18:5: nodes[1]: more than one node is not supported yet; keep one',
    ],
    [
      'a node name out of range',
      'name: n1',
      'name: n10',
      '8:11: nodes[0].name: "n10" is not a node\'s name; use n1 to n9',
    ],
    [
      'no hosts',
      '[host-1, host-2, host-3]',
      '[]',
      '9:15: nodes[0].host_ids: is empty; a node needs at least one host',
    ],
    [
      'hosts that are text',
      '[host-1, host-2, host-3]',
      'host-1',
      '9:15: nodes[0].host_ids: must be a list, not text',
    ],
    [
      'the same host twice',
      'host-3]',
      'host-1]',
      '9:32: nodes[0].host_ids[2]: the host "host-1" is in this node already (host_ids[0]); name each host once',
    ],
    ['a bad host', 'host-3]', 'Host_3]', `9:32: nodes[0].host_ids[2]: "Host_3" is not an id; ${ID_RULE}`],
    [
      'a host with an escape sequence',
      'host-3]',
      '"\\e[31m"]',
      `9:32: nodes[0].host_ids[2]: "\\u001b[31m" is not an id; ${ID_RULE}`,
    ],
    [
      'a misspelt field',
      'tenant_id: acme',
      'tennant_id: acme',
      '2:1: tennant_id: unknown field; did you mean "tenant_id"?',
    ],
    [
      'a field in another spelling',
      'tenant_id: acme',
      'tenantId: acme',
      '2:1: tenantId: unknown field; did you mean "tenant_id"?',
    ],
    [
      'an unknown field',
      'tenant_id: acme',
      'colour: red',
      `2:1: colour: unknown field; the database has ${FIELDS}`,
    ],
    [
      'a misplaced field',
      'tenant_id: acme',
      'host_ids: [a]',
      '2:1: host_ids: unknown field here; it belongs to a node',
    ],
    [
      'a field called constructor',
      'tenant_id: acme',
      'constructor: 1',
      `2:1: constructor: unknown field; the database has ${FIELDS}`,
    ],
    [
      'a field called __proto__',
      'tenant_id: acme',
      '__proto__: {port: 1}',
      '2:1: __proto__: unknown field; remove it',
    ],
    [
      'an unknown field of a node',
      'name: n1\n',
      'name: n1\n    hosts: [a]\n',
      '9:5: nodes[0].hosts: unknown field; did you mean "host_ids"?',
    ],
    [
      'an unknown field of a user',
      'db_owner: true',
      'owner: true',
      '21:5: database_users[0].owner: unknown field; did you mean "db_owner"?',
    ],
  ])('%s', (_title, from, to, error) => {
    expect(errorsOf(changed(from, to))).toEqual([`shop.yaml:${error}`]);
  });
});

describe('a field that pgctl does not support yet', () => {
  it.each([
    ['spock_version: "5"', 'spock_version', 'several nodes per database come later'],
    ['cpus: "2"', 'cpus', 'remove it, and tune Postgres through postgresql_conf'],
    ['memory: 4GB', 'memory', 'remove it, and tune Postgres through postgresql_conf'],
    ['services: []', 'services', 'remove it; pgctl runs nothing beside Postgres and Patroni'],
    ['backup_config: {repositories: []}', 'backup_config', 'backups come later'],
    ['restore_config:', 'restore_config', 'backups come later'],
    ['orchestrator_opts: {swarm: {}}', 'orchestrator_opts', 'remove it; pgctl runs no containers'],
    ['scripts: {post_init: []}', 'scripts', 'remove it, and run the SQL when the database is there'],
  ])('%s', (line, field, sentence) => {
    const text = changed('tenant_id: acme', line);
    expect(errorsOf(text)).toEqual([`shop.yaml:2:1: ${field}: not supported yet; ${sentence}`]);
  });

  it.each([
    ['postgres_version: "16"', 'postgres_version', 'use the field postgres_version of the database'],
    ['cpus: "2"', 'cpus', 'remove it, and tune Postgres through postgresql_conf'],
    ['memory: 4GB', 'memory', 'remove it, and tune Postgres through postgresql_conf'],
    ['backup_config: {}', 'backup_config', 'backups come later'],
    ['restore_config: {}', 'restore_config', 'backups come later'],
    ['orchestrator_opts: {}', 'orchestrator_opts', 'remove it; pgctl runs no containers'],
    ['source_node: n2', 'source_node', 'several nodes per database come later'],
  ])('%s of a node', (line, field, sentence) => {
    const text = changed('    port: 5434', `    ${line}`);
    expect(errorsOf(text)).toEqual([`shop.yaml:10:5: nodes[0].${field}: not supported yet; ${sentence}`]);
  });
});

describe('a spec with many things wrong', () => {
  it('gives all errors at once, in the order of the file', () => {
    const text = [
      'id: Shop',
      'databse_name: shop',
      'port: 70000',
      'backup_config: {}',
      'nodes:',
      '  - name: n1',
      '    host_ids: [host-1, host-1]',
      '    cpus: 2',
      'database_users:',
      '  - password: 12345',
      '  - username: app',
      '    db_owner: yes',
      '  - admin',
      'postgresql_conf: {port: 1, shared_buffers: [1], work_mem:}',
      'pg_hba_conf: [host all all 0.0.0.0/0 trust, 3]',
      'port: 5432',
    ].join('\n');
    expect(errorsOf(text)).toMatchInlineSnapshot(`
      [
        "shop.yaml:1:5: id: "Shop" is not an id; use 1 to 36 of a-z, 0-9 and single hyphens, with a letter or digit at both ends",
        "shop.yaml:2:1: databse_name: unknown field; did you mean "database_name"?",
        "shop.yaml:3:7: port: must be a whole number from 1024 to 65535, not 70000",
        "shop.yaml:4:1: backup_config: not supported yet; backups come later",
        "shop.yaml:7:24: nodes[0].host_ids[1]: the host "host-1" is in this node already (host_ids[0]); name each host once",
        "shop.yaml:8:5: nodes[0].cpus: not supported yet; remove it, and tune Postgres through postgresql_conf",
        "shop.yaml:10:5: database_users[0].username: is missing; name the user",
        "shop.yaml:10:15: database_users[0].password: must be text, not a number; put it in quotes",
        "shop.yaml:12:15: database_users[1].db_owner: must be true or false, not text",
        "shop.yaml:13:5: database_users[2]: must be a map of fields, not text",
        "shop.yaml:14:19: postgresql_conf.port: cannot be set here; use the field port of the database or the node",
        "shop.yaml:14:44: postgresql_conf.shared_buffers: must be text, a number, or true or false; put lists in quotes, as postgresql.conf has them",
        "shop.yaml:14:49: postgresql_conf.work_mem: has no value; give one, or "" for the empty text",
        "shop.yaml:15:15: pg_hba_conf[0]: the method trust lets everybody in without a password; use scram-sha-256, or peer on a local line",
        "shop.yaml:15:45: pg_hba_conf[1]: must be text, not a number; put it in quotes",
        "shop.yaml:16:1: port: is given twice; keep one",
      ]
    `);
  });

  it('says only the first thing about each path', () => {
    expect(errorsOf('id: *x\nnodes: [{name: n1, host_ids: [a]}]')).toEqual([
      'shop.yaml:1:5: id: this alias has no anchor before it; put a value that starts with * in quotes',
    ]);
  });
});
