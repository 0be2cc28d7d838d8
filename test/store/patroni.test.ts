import { describe, expect, test } from 'vitest';
import { Keys } from '../../src/store/keys.ts';
import type { KeyValue } from '../../src/store/range.ts';
import { Patroni, parseClusters } from '../../src/store/patroni.ts';

const keys = new Keys('/pgctl');

function found(entries: Readonly<Record<string, string>>): readonly KeyValue[] {
  return Object.entries(entries).map(([key, value]) => ({
    key: keys.patroniNamespace + key,
    value: Buffer.from(value),
    modRevision: '9',
    createRevision: '8',
    version: '1',
    lease: key.includes('leader') || key.includes('members') ? '77' : '0',
  }));
}

/** As Patroni 4 writes them. */
const CLUSTER = {
  'shop.n1/config': '{"ttl":30,"loop_wait":10}',
  'shop.n1/history': '[[1,50331808,"no recovery target specified","2026-04-12T10:15:30+00:00","host-2"]]',
  'shop.n1/initialize': '7490000000000000001',
  'shop.n1/leader': 'host-2',
  'shop.n1/members/host-1':
    '{"conn_url":"postgres://10.0.0.1:5432/postgres","api_url":"http://10.0.0.1:8008/patroni","state":"running","role":"replica","version":"4.0.7","proxy_url":null,"xlog_location":50331648,"replication_state":"streaming","timeline":2}',
  'shop.n1/members/host-2':
    '{"conn_url":"postgres://10.0.0.2:5432/postgres","api_url":"http://10.0.0.2:8008/patroni","state":"running","role":"primary","version":"4.0.7","xlog_location":50331808,"timeline":2,"pending_restart":true,"pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"200"}}}',
  'shop.n1/status': '{"optime":50331808,"slots":{"host_1":50331648},"retain_slots":["host_1"]}',
};

describe("Patroni's keys", () => {
  test('become a cluster', () => {
    const [cluster, ...more] = parseClusters(keys, found(CLUSTER));
    expect(more).toEqual([]);
    expect(cluster).toMatchObject({
      scope: 'shop.n1',
      databaseId: 'shop',
      nodeName: 'n1',
      leader: 'host-2',
      leaderLeaseId: '77',
      leaderModRevision: '9',
      leaderOptime: 50331808n,
      initialize: '7490000000000000001',
      failover: null,
    });
    expect(cluster?.members).toEqual([
      {
        name: 'host-1',
        state: 'running',
        role: 'replica',
        timeline: 2,
        xlogLocation: 50331648n,
        pendingRestart: false,
        pendingRestartReason: null,
        version: '4.0.7',
        connUrl: 'postgres://10.0.0.1:5432/postgres',
        apiUrl: 'http://10.0.0.1:8008/patroni',
        leaseId: '77',
      },
      expect.objectContaining({
        name: 'host-2',
        role: 'primary',
        pendingRestart: true,
        pendingRestartReason: 'max_connections: 100 -> 200',
      }),
    ]);
  });

  test('of several clusters become as many', () => {
    const two = found({ ...CLUSTER, 'shop.n2/initialize': '', 'shop2.n1/leader': 'host-1' });
    expect(parseClusters(keys, two).map(({ scope, leader }) => [scope, leader])).toEqual([
      ['shop.n1', 'host-2'],
      ['shop.n2', null],
      ['shop2.n1', 'host-1'],
    ]);
  });

  test('of Patroni 3 read the same', () => {
    const [cluster] = parseClusters(
      keys,
      found({
        'shop.n1/optime/leader': '1234',
        'shop.n1/members/host-1': '{"role":"master","state":"running"}',
      }),
    );
    expect(cluster?.leaderOptime).toBe(1234n);
    expect(cluster?.members[0]?.role).toBe('primary');
  });

  test.each([
    '',
    'null',
    '[]',
    '"x"',
    'not json',
    '{"role":7,"timeline":"2","xlog_location":-1,"pending_restart":"yes"}',
  ])('that say %j say nothing, and are no error', (value) => {
    const [cluster] = parseClusters(
      keys,
      found({ 'shop.n1/members/host-1': value, 'shop.n1/status': value }),
    );
    expect(cluster).toMatchObject({ leader: null, leaderOptime: null });
    expect(cluster?.members).toMatchObject([
      { name: 'host-1', state: null, role: null, timeline: null, xlogLocation: null, pendingRestart: false },
    ]);
  });
});

describe('members that are waited for', () => {
  /** etcd with one answer after another, the last of which stays; of each the state and the role of every member. */
  function answering(
    leader: string | null,
    ...answers: readonly (readonly string[])[]
  ): { patroni: Patroni; asked: () => number } {
    let asked = 0;
    const range = (): Promise<readonly KeyValue[]> => {
      const said = (answers[Math.min(asked++, answers.length - 1)] ?? []).map((words) => words.split(' '));
      const members = said.map(([state, role], index) => [
        `shop.n1/members/host-${index + 1}`,
        JSON.stringify({ state, role }),
      ]);
      const key = leader === null ? [] : [['shop.n1/leader', leader]];
      return Promise.resolve(found(Object.fromEntries([...members, ...key]) as Record<string, string>));
    };
    return { patroni: new Patroni({ range } as never, keys), asked: () => asked };
  }

  test('are waited for until every one of them is said to run', async () => {
    const { patroni, asked } = answering(
      'host-1',
      [],
      ['running primary', 'starting replica'],
      ['running primary', 'streaming replica'],
    );
    await patroni.untilSettled('shop.n1', ['host-1', 'host-2']);
    expect(asked()).toBe(3);
  });

  test('are only those that are asked for', async () => {
    const { patroni, asked } = answering('host-1', ['running primary', 'stopped replica']);
    await patroni.untilSettled('shop.n1', ['host-1']);
    expect(asked()).toBe(1);
  });

  test('are waited for until the one that leads says that it takes writes', async () => {
    const { patroni, asked } = answering(
      'host-1',
      ['running replica'],
      ['running replica'],
      ['running primary'],
    );
    await patroni.untilSettled('shop.n1', ['host-1']);
    expect(asked()).toBe(3);
  });

  test('may have somebody else as their primary', async () => {
    const { patroni, asked } = answering('host-2', ['running replica', 'running primary']);
    await patroni.untilSettled('shop.n1', ['host-1']);
    expect(asked()).toBe(1);
  });
});

describe('lost hosts', () => {
  const scope = `${keys.patroniNamespace}shop.n1/`;
  const patroni = new Patroni(undefined as never, keys);
  const deposed = (entries: Readonly<Record<string, string>>, ...lost: readonly string[]): unknown => {
    const [cluster] = parseClusters(keys, found(entries));
    return cluster === undefined ? null : patroni.depose(cluster, new Set(lost));
  };
  const without = (...names: readonly string[]): Record<string, string> =>
    Object.fromEntries(Object.entries(CLUSTER).filter(([name]) => !names.includes(name)));
  const member = (name: string): object => ({
    kind: 'delete',
    key: `${scope}members/${name}`,
    expect: 'any',
  });
  const leaderGone = { kind: 'delete', key: `${scope}leader`, expect: { modRevision: '9' } };
  const noLeader = { kind: 'check', key: `${scope}leader`, expect: 'absent' };
  const election = (leader: string): object => ({
    kind: 'put',
    key: `${scope}failover`,
    value: JSON.stringify({ leader }),
    expect: 'any',
  });

  test('that hold a replica leave the leader alone', () => {
    expect(deposed(CLUSTER, 'host-1')).toEqual([member('host-1')]);
  });

  test('that hold the leader make the others choose one among themselves', () => {
    expect(deposed(CLUSTER, 'host-2')).toEqual([member('host-2'), leaderGone, election('host-2')]);
  });

  test('make the others choose where the leader is gone already', () => {
    expect(deposed(without('shop.n1/leader'), 'host-2')).toEqual([
      member('host-2'),
      noLeader,
      election('host-2'),
    ]);
  });

  test('ask for no choice where nobody is left, or the cluster never came to be', () => {
    expect(deposed(CLUSTER, 'host-1', 'host-2')).toEqual([member('host-1'), member('host-2'), leaderGone]);
    expect(deposed(without('shop.n1/initialize'), 'host-2')).toEqual([member('host-2'), leaderGone]);
  });

  test('leave a cluster that they were about to make for another to make', () => {
    expect(deposed({ ...CLUSTER, 'shop.n1/initialize': '' }, 'host-2')).toEqual([
      member('host-2'),
      leaderGone,
      { kind: 'delete', key: `${scope}initialize`, expect: 'any' },
    ]);
  });
});
