import { describe, expect, it } from 'vitest';
import { DYNAMIC_PARAMETERS, OWNED_PARAMETERS } from '../../src/spec/parameters.ts';
import { errorsOf, specOf, withLines } from './fixtures.ts';

const conf = (line: string): string => withLines('postgresql_conf:', `  ${line}`);

describe('postgresql_conf', () => {
  it.each<[line: string, name: string, text: string]>([
    ['max_connections: 200', 'max_connections', '200'],
    ['MAX_CONNECTIONS: "200"', 'max_connections', '200'],
    ['jit: false', 'jit', 'off'],
    ['jit: on', 'jit', 'on'],
    ['random_page_cost: 1.10', 'random_page_cost', '1.10'],
    ['log_file_mode: 0640', 'log_file_mode', '0640'],
    ['log_file_mode: 0o640', 'log_file_mode', '416'],
    ['work_mem: 12345678901234567890', 'work_mem', '12345678901234567890'],
    ['shared_preload_libraries: ""', 'shared_preload_libraries', ''],
    ['pg_stat_statements.max: 500', 'pg_stat_statements.max', '500'],
    ['search_path: \'"$user", public\'', 'search_path', '"$user", public'],
    ['wal_keep_size: 1GB', 'wal_keep_size', '1GB'],
    ['wal_level: logical', 'wal_level', 'logical'],
    ['constructor: 1', 'constructor', '1'],
  ])('reads %s', (line, name, text) => {
    expect(Object.entries(specOf(conf(line)).postgresql_conf)).toEqual([[name, text]]);
  });

  it.each<[line: string, error: string]>([
    [
      'max_connections: 10',
      '4:20: postgresql_conf.max_connections: must be a whole number, at least 25, not "10"',
    ],
    [
      'max_connections: many',
      '4:20: postgresql_conf.max_connections: must be a whole number, at least 25, not "many"',
    ],
    ['wal_level: minimal', '4:14: postgresql_conf.wal_level: must be replica or logical, not "minimal"'],
    ['wal_keep_size: 8MB', '4:18: postgresql_conf.wal_keep_size: must be a size of at least 16MB, not "8MB"'],
    [
      'track_commit_timestamp: maybe',
      '4:27: postgresql_conf.track_commit_timestamp: must be on or off, not "maybe"',
    ],
    [
      'Listen_Addresses: "*"',
      '4:3: postgresql_conf.Listen_Addresses: cannot be set here; pgctl sets it from the addresses of the hosts; leave it out',
    ],
    [
      'port: 1',
      '4:3: postgresql_conf.port: cannot be set here; use the field port of the database or the node',
    ],
    [
      'ssl_cert_file: x',
      '4:3: postgresql_conf.ssl_cert_file: cannot be set here; not supported yet; TLS between clients and Postgres comes later',
    ],
    [
      'archive_command: x',
      '4:3: postgresql_conf.archive_command: cannot be set here; not supported yet; archiving comes with backups',
    ],
    [
      '"work mem": 1',
      '4:3: postgresql_conf["work mem"]: is not the name of a parameter; use letters, digits, _ and, for an extension, a dot',
    ],
    [
      '"a\\nport": 1',
      '4:3: postgresql_conf["a\\nport"]: is not the name of a parameter; use letters, digits, _ and, for an extension, a dot',
    ],
    [
      'work_mem: "1\\nport = 1"',
      '4:13: postgresql_conf.work_mem: goes over several lines; write it on one line, in quotes',
    ],
    ['work_mem: "1\\0"', '4:13: postgresql_conf.work_mem: holds a NUL character; remove it'],
    ['work_mem:', '4:3: postgresql_conf.work_mem: has no value; give one, or "" for the empty text'],
    [
      'log_destination: [csvlog]',
      '4:20: postgresql_conf.log_destination: must be text, a number, or true or false; put lists in quotes, as postgresql.conf has them',
    ],
  ])('refuses %s', (line, error) => {
    expect(errorsOf(conf(line))).toEqual([`shop.yaml:${error}`]);
  });

  it('refuses one parameter in two spellings', () => {
    expect(errorsOf(withLines('postgresql_conf: {work_mem: 1, WORK_MEM: 2}'))).toEqual([
      'shop.yaml:3:32: postgresql_conf.WORK_MEM: is the same parameter as work_mem; keep one',
    ]);
  });

  it('refuses owned parameters on a node too', () => {
    expect(errorsOf('id: a\nnodes: [{name: n1, host_ids: [a], postgresql_conf: {hba_file: /x}}]')).toEqual([
      'shop.yaml:2:53: nodes[0].postgresql_conf.hba_file: cannot be set here; use the field pg_hba_conf',
    ]);
  });

  it.each(Object.keys(OWNED_PARAMETERS))('refuses %s by name', (name) => {
    expect(errorsOf(conf(`${name}: x`))).toEqual([
      `shop.yaml:4:3: postgresql_conf.${name}: cannot be set here; ${OWNED_PARAMETERS[name]}`,
    ]);
  });

  it("keeps Patroni's dynamic parameters free for the user", () => {
    for (const name of Object.keys(DYNAMIC_PARAMETERS)) expect(OWNED_PARAMETERS).not.toHaveProperty(name);
  });
});
