import { describe, expect, it } from 'vitest';
import { type HostComparison, hostRecordFindings, type Stamped } from '../../src/records/host-findings.ts';
import type { DatabaseRecord, HostRecord, InstanceRecord } from '../../src/records/types.ts';
import { database, host, instance } from '../store/fixtures.ts';

const DIR = '/var/lib/pgctl';
const stamp = (id: string, changes: Partial<Stamped> = {}): Stamped => ({
  instance_id: id,
  database_uid: `uid-${id.split('.')[0] ?? ''}`,
  dir: `${DIR}/${id}`,
  hasDirectory: true,
  hasUnit: true,
  running: true,
  ...changes,
});
const shop = (changes: Partial<InstanceRecord> = {}): InstanceRecord => instance('shop.n1.host-1', changes);

function compare(changes: {
  readonly stamped: readonly Stamped[];
  readonly instances?: readonly InstanceRecord[];
  readonly database?: Partial<DatabaseRecord>;
  readonly busy?: readonly string[];
  readonly elsewhere?: readonly string[];
  readonly host?: Partial<HostRecord>;
}): string[] {
  const comparison: HostComparison = {
    host: host('host-1', changes.host),
    instances: changes.instances ?? [shop()],
    databases: new Map([['shop', database('shop', changes.database)]]),
    busy: new Set(changes.busy),
    stamped: changes.stamped,
    elsewhere: new Set(changes.elsewhere),
  };
  return hostRecordFindings(comparison).map(
    ({ severity, subject, message }) => `${severity} ${subject}: ${message}`,
  );
}

describe('a record', () => {
  it.each<[title: string, changes: Parameters<typeof compare>[0], found: string[]]>([
    ['with all of it on its host', { stamped: [stamp('shop.n1.host-1')] }, []],
    [
      'with none of it',
      { stamped: [] },
      [
        'error shop.n1.host-1: its record says available, and its directory with its data and its unit are not on host-1',
      ],
    ],
    [
      'without its unit',
      { stamped: [stamp('shop.n1.host-1', { hasUnit: false })] },
      ['error shop.n1.host-1: its record says available, and its unit is not on host-1'],
    ],
    [
      'without a unit where there are none',
      { stamped: [stamp('shop.n1.host-1', { hasUnit: false })], host: { service_manager: 'process' } },
      [],
    ],
    ['of an instance that failed', { stamped: [], instances: [shop({ state: 'failed' })] }, []],
    ['of an instance that is being made', { stamped: [], instances: [shop({ state: 'creating' })] }, []],
    ['of a database that somebody works on', { stamped: [], busy: ['shop'] }, []],
    ['of an instance on another host', { stamped: [], instances: [instance('shop.n1.host-2')] }, []],
  ])('%s', (_title, changes, found) => {
    expect(compare(changes)).toEqual(found);
  });
});

describe('what is stamped', () => {
  const gone = stamp('gone.n1.host-1');
  const all = (one: Stamped): readonly Stamped[] => [stamp('shop.n1.host-1'), one];
  const what = `directory ${DIR}/gone.n1.host-1 and unit pgctl-gone.n1.host-1.service of database uid uid-gone`;
  it.each<[title: string, changes: Parameters<typeof compare>[0], found: string[]]>([
    [
      'and runs, without a record',
      { stamped: all(gone) },
      [`error host-1: gone.n1.host-1: ${what}: no record knows it, and it runs`],
    ],
    [
      'and does not run',
      { stamped: all({ ...gone, running: false }) },
      [`warning host-1: gone.n1.host-1: ${what}: no record knows it`],
    ],
    [
      'and is in use by another etcd',
      { stamped: all(gone), elsewhere: ['gone.n1.host-1'] },
      [`info host-1: gone.n1.host-1: ${what}: another etcd than this one says that it is in use`],
    ],
    ['while somebody works on its database', { stamped: all(gone), busy: ['gone'] }, []],
    [
      'by an earlier database of that name',
      { stamped: all(stamp('shop.n1.host-1', { database_uid: 'u0', hasUnit: false, running: false })) },
      [
        `warning host-1: shop.n1.host-1: directory ${DIR}/shop.n1.host-1 of database uid u0: no record knows it`,
      ],
    ],
    [
      'while its database is being deleted, interrupted or not',
      { stamped: all(stamp('shop.n1.host-9')), database: { state: 'deleting' } },
      [],
    ],
  ])('%s', (_title, changes, found) => {
    expect(compare(changes)).toEqual(found);
  });
});
