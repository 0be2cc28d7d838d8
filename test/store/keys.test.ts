import { describe, expect, test } from 'vitest';
import { Keys, instanceParts, LOCAL_MACHINE } from '../../src/store/keys.ts';

describe('keys', () => {
  const keys = new Keys('/pgctl');

  test('are those of the design', () => {
    expect([
      keys.meta(),
      keys.host('host-1'),
      keys.tombstone('host-1'),
      keys.database('shop'),
      keys.instance('shop.n1.host-1'),
      keys.status('shop.n1.host-1'),
      keys.guard('shop.n1.host-1'),
      keys.resource('shop', 'unit', 'shop.n1.host-1'),
      keys.port('host-1', 5432),
      keys.secret('shop', 'superuser'),
      keys.task('t1'),
      keys.taskPlan('t1'),
      keys.taskEvent('t1', 7),
      keys.taskLog('t1', 12),
      keys.lock('shop'),
      keys.patroniScope('shop', 'n1'),
    ]).toEqual([
      '/pgctl/v1/meta',
      '/pgctl/v1/hosts/host-1',
      '/pgctl/v1/tombstones/hosts/host-1',
      '/pgctl/v1/databases/shop',
      '/pgctl/v1/instances/shop/shop.n1.host-1',
      '/pgctl/v1/instance_statuses/shop/shop.n1.host-1',
      '/pgctl/v1/guards/shop.n1.host-1',
      '/pgctl/v1/resources/shop/unit/shop.n1.host-1',
      '/pgctl/v1/ports/host-1/5432',
      '/pgctl/v1/secrets/shop/superuser',
      '/pgctl/v1/tasks/t1',
      '/pgctl/v1/task_plans/t1',
      '/pgctl/v1/task_events/t1/00000007',
      '/pgctl/v1/task_logs/t1/00000012',
      '/pgctl/v1/locks/databases/shop',
      '/pgctl/patroni/shop.n1/',
    ]);
    expect(keys.port(LOCAL_MACHINE, 5432)).toBe('/pgctl/v1/ports/local--machine/5432');
  });

  test('of names that users choose have no slash of theirs', () => {
    expect(keys.resource('shop', 'role', 'shop.n1/a/../b')).toBe(
      '/pgctl/v1/resources/shop/role/shop.n1%2Fa%2F..%2Fb',
    );
  });

  test('prefixes end where a longer name cannot go on', () => {
    for (const prefix of [
      keys.hosts(),
      keys.databases(),
      keys.instances(),
      keys.instancesOf('a'),
      keys.statusesOf('a'),
      keys.guardsOf('a'),
      keys.resourcesOf('a'),
      keys.ports(),
      keys.portsOf('a'),
      keys.secretsOf('a'),
      keys.tasks(),
      keys.taskEvents('a'),
      keys.taskLogs('a'),
      keys.locks(),
      keys.patroniNamespace,
      keys.patroniOf('a'),
      keys.patroniScope('a', 'n1'),
    ]) {
      expect(prefix).toMatch(/[/.]$/);
    }
  });

  const bad = [
    '',
    'A',
    'a/b',
    '..',
    'a.b',
    'a--b',
    '-a',
    'a-',
    "'; drop table x",
    '$(reboot)',
    'a\u0000',
    'a'.repeat(37),
  ];
  test.each(bad)('refuse %j as an id', (id) => {
    for (const build of [
      () => keys.host(id),
      () => keys.database(id),
      () => keys.lock(id),
      () => keys.task(id),
      () => keys.patroniOf(id),
      () => keys.instance(`${id}.n1.host-1`),
      () => keys.guard(`shop.n1.${id}`),
      () => keys.patroniScope('shop', id),
    ]) {
      expect(build).toThrow(expect.objectContaining({ code: 'usage' }));
    }
  });

  test.each(['pgctl', '/pgctl/', '/', '', '/a//b', '/a b'])('refuse %j as a prefix', (prefix) => {
    expect(() => new Keys(prefix)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('an instance is taken apart', () => {
    expect(instanceParts('shop.n1.host-1')).toEqual({ database: 'shop', node: 'n1', host: 'host-1' });
    expect(() => instanceParts('shop.n1')).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => instanceParts('shop.n1.h.x')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
