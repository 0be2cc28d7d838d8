import { describe, expect, test } from 'vitest';
import { losesLastCopy, lossesOf, lossText } from '../../commands/shared/recovery.ts';
import type { DatabaseDocument, InstanceDocument } from '../../src/ui/documents.ts';

const AT = '2026-01-02T03:04:05.000Z';

const instance = (host: string, more: Partial<InstanceDocument> = {}): InstanceDocument => ({
  kind: 'Instance',
  ...{ instance_id: `shop.n1.${host}`, database_id: 'shop', host_id: host, node_name: 'n1' },
  ...{ state: 'available', role: null, address: host, port: 5432, patroni_port: 8008 },
  ...{ postgres_version: '17.6', pending_restart: false, lag_bytes: null, timeline: null, running: true },
  ...{ error: null, created_at: AT, updated_at: AT },
  ...more,
});

const database = (...instances: readonly InstanceDocument[]): DatabaseDocument => ({
  kind: 'Database',
  ...{ id: 'shop', state: 'available', uid: 'u', error: null, last_task_id: null },
  ...{ created_at: AT, updated_at: AT },
  spec: { id: 'shop', nodes: [{ name: 'n1', host_ids: instances.map(({ host_id }) => host_id) }] },
  instances,
});

const NEVER_WHOLE = { state: 'creating', postgres_version: null } as const;
const INITIALIZED = new Map([['shop.n1', { initialize: '7' }]]);
const EMPTY = new Map([['shop.n1', { initialize: '' }]]);
const LOST = new Set(['h1']);

describe('the loss of a host', () => {
  test.each([
    ['leaves a replica that served', [instance('h2')], INITIALIZED, ['shop.n1.h2'], []],
    [
      'leaves one that serves, which no record says yet',
      [instance('h2', { ...NEVER_WHOLE, role: 'replica' })],
      INITIALIZED,
      ['shop.n1.h2'],
      [],
    ],
    [
      'leaves one in the middle of its base backup, which is no copy',
      [instance('h2', NEVER_WHOLE)],
      INITIALIZED,
      [],
      ['shop.n1.h2'],
    ],
    [
      'leaves one that can begin anew where there never was any data',
      [instance('h2', NEVER_WHOLE)],
      EMPTY,
      ['shop.n1.h2'],
      [],
    ],
    [
      'leaves one that can begin anew where Patroni never ran',
      [instance('h2', NEVER_WHOLE)],
      new Map(),
      ['shop.n1.h2'],
      [],
    ],
    ['leaves nothing', [], INITIALIZED, [], []],
  ] as const)('%s', (_, others, clusters, left, empty) => {
    // What is lost never served where nothing was initialized.
    const lost = instance('h1', clusters === INITIALIZED ? {} : NEVER_WHOLE);
    const [loss, ...more] = lossesOf([database(lost, ...others)], clusters, LOST);
    expect(more).toEqual([]);
    expect(loss).toMatchObject({ databaseId: 'shop', left, empty });
    if (loss === undefined) return;
    expect(losesLastCopy(loss)).toBe(left.length === 0);
    expect(lossText(loss).includes('LAST COPY')).toBe(left.length === 0);
    expect(lossText(loss).includes('never had a whole copy')).toBe(empty.length > 0);
  });

  test('is one of data where an instance served already, and Patroni had not said so yet', () => {
    const [loss] = lossesOf([database(instance('h1'), instance('h2', NEVER_WHOLE))], EMPTY, LOST);
    expect(loss).toMatchObject({ left: [], empty: ['shop.n1.h2'] });
  });

  test('is nothing to a database that has nothing there', () => {
    expect(lossesOf([database(instance('h2'))], INITIALIZED, LOST)).toEqual([]);
  });
});
