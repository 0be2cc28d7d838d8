import { expect, it } from 'vitest';
import { type EndpointStatus, type EtcdHealth, etcdFindings } from '../../src/records/etcd-health.ts';

const MIB = 1024 ** 2;
const SEEN: EndpointStatus = {
  version: '3.5.16',
  healthy: true,
  latencyMs: 2,
  hasLeader: true,
  dbBytes: 20 * MIB,
  quotaBytes: 2048 * MIB,
  clockOffsetSeconds: 0,
};
const A = 'http://10.0.0.1:2379';
const B = 'http://10.0.0.2:2379';

const etcd = (seen: Partial<EndpointStatus> = {}, changes: Partial<EtcdHealth> = {}): EtcdHealth => ({
  endpoints: [{ endpoint: A, error: null, seen: { ...SEEN, ...seen } }],
  members: ['a', 'b', 'c'],
  alarms: [],
  rights: 'granted',
  ...changes,
});
const away = (endpoint: string): EtcdHealth['endpoints'][number] => ({
  endpoint,
  error: 'ECONNREFUSED',
  seen: null,
});

it.each<[title: string, health: EtcdHealth, found: string[]]>([
  ['one that is in order', etcd(), []],
  [
    'one that does not say everything',
    etcd({ quotaBytes: null, clockOffsetSeconds: null }, { members: null, alarms: null, rights: null }),
    [],
  ],
  [
    'one endpoint of two that is away',
    etcd({}, { endpoints: [...etcd().endpoints, away(B)] }),
    [`warning ${B}: etcd does not answer there: ECONNREFUSED`],
  ],
  [
    'all endpoints away',
    etcd({}, { endpoints: [away(A), away(B)], members: null, alarms: null, rights: null }),
    [
      `error ${A}: etcd does not answer there: ECONNREFUSED`,
      `error ${B}: etcd does not answer there: ECONNREFUSED`,
    ],
  ],
  [
    'one that is too old',
    etcd({ version: '3.3.27' }),
    [`error ${A}: etcd is 3.3.27; pgctl needs 3.4 or newer`],
  ],
  ['the oldest that will do', etcd({ version: '3.4.0' }), []],
  ['one of a later major version', etcd({ version: '4.0.0' }), []],
  [
    'one without a leader',
    etcd({ hasLeader: false, healthy: false }),
    [`error ${A}: etcd has no leader: most of its members are away`],
  ],
  ['one that is not healthy', etcd({ healthy: false }), [`error ${A}: etcd says that it is not healthy`]],
  ['one that is slow', etcd({ latencyMs: 250.4 }), [`warning ${A}: etcd takes 250 ms to answer`]],
  [
    'one that is nearly full',
    etcd({ dbBytes: 1800 * MIB }),
    [
      `warning ${A}: etcd holds 1800 MiB of the 2048 MiB that it may: when it is full nothing can be written, and primaries step down`,
    ],
  ],
  [
    'one whose clock is ahead',
    etcd({ clockOffsetSeconds: 3600 }),
    [`warning ${A}: its clock is 3600 s ahead of this machine's`],
  ],
  [
    'one whose clock is behind',
    etcd({ clockOffsetSeconds: -8 }),
    [`warning ${A}: its clock is 8 s behind this machine's`],
  ],
  [
    'one that is full, told once',
    etcd({ healthy: false }, { alarms: ['NOSPACE', 'NOSPACE'] }),
    ['error etcd: etcd is full, and takes no more writes'],
  ],
  ['an alarm that is not known', etcd({}, { alarms: ['FIRE'] }), ['error etcd: etcd raises the alarm FIRE']],
  [
    'a member that never started',
    etcd({}, { members: ['a', 'b', ''] }),
    ['warning etcd: 1 of its 3 members never started'],
  ],
  [
    'one member alone',
    etcd({}, { members: ['a'] }),
    ['info etcd: it has one member: without it nothing can be changed, and no replica can take over'],
  ],
  [
    'one member alone on this machine',
    etcd({}, { members: ['a'], endpoints: [{ endpoint: 'http://127.0.0.1:2379', error: null, seen: SEEN }] }),
    [],
  ],
  [
    'a user that may not manage users',
    etcd({}, { rights: 'denied' }),
    [
      "error etcd: pgctl's user may not manage users and roles: no database can be created, and no host be locked out",
    ],
  ],
])('%s', (_title, health, found) => {
  const findings = etcdFindings(health);
  expect(findings.map(({ severity, subject, message }) => `${severity} ${subject}: ${message}`)).toEqual(
    found,
  );
  for (const { remedy } of findings) expect(remedy).not.toBeNull();
});
