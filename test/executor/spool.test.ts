import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { openSpool, type Spool } from '../../src/executor/spool.ts';
import { isOwn, type KeptTask } from '../../src/store/kept.ts';
import { Keys } from '../../src/store/keys.ts';

const root = mkdtempSync(join(tmpdir(), 'pgctl-spool-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let dir = '';
let spool: Spool;
beforeEach(() => {
  dir = join(mkdtempSync(join(root, 'x')), 'state', 'spool');
  spool = openSpool(dir);
});

const keys = new Keys('/pgctl');
const kept = (changes: Partial<KeptTask> = {}): KeptTask => ({
  format: 1,
  store_id: 's1',
  database_id: 'shop',
  task_id: 't1',
  kept_at: '2026-04-12T10:15:30.123Z',
  results: [
    {
      seq: 3,
      writes: [
        { kind: 'put', key: keys.taskEvent('t1', 3), value: '{}', expect: 'absent' },
        { kind: 'delete', key: keys.resource('shop', 'unit', 'shop.n1.a'), expect: { modRevision: '7' } },
      ],
    },
  ],
  end: {
    outcome: 'failed',
    reason: 'etcd stopped answering',
    reached: { 'shop.n1.a': 'why' },
    events: { total: 3, done: 1, failed: 1, not_reached: 1 },
  },
  ...changes,
});

describe('what is kept', () => {
  test('is found again as it was, in a file for its owner alone, until it is dropped', async () => {
    const file = await spool.keep(kept());
    expect([statSync(file).mode & 0o777, statSync(dir).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(await spool.of('s1', 'shop')).toEqual([{ file, task: kept() }]);
    await spool.drop(file);
    await spool.drop(file);
    expect(await spool.of('s1', 'shop')).toEqual([]);
    expect(readdirSync(dir)).toEqual([]);
  });

  test('is found by its store and its database only, in the order of the tasks', async () => {
    for (const changes of [
      { task_id: 't2' },
      { task_id: 't1' },
      { database_id: 'sho' },
      { database_id: 'shop2' },
      { store_id: 's2' },
    ])
      await spool.keep(kept(changes));
    expect((await spool.of('s1', 'shop')).map(({ task }) => task?.task_id)).toEqual(['t1', 't2']);
  });

  test('a second time takes the place of the first', async () => {
    await spool.keep(kept());
    const file = await spool.keep(kept({ results: [] }));
    expect(await spool.of('s1', 'shop')).toEqual([{ file, task: kept({ results: [] }) }]);
  });

  test.each([
    ['cut short', JSON.stringify(kept()).slice(0, 200)],
    ['of another version', JSON.stringify({ ...kept(), format: 2 })],
    [
      'of writes that no operation keeps',
      JSON.stringify(
        kept({ results: [{ seq: 1, writes: [{ kind: 'delete_prefix', prefix: '/' } as never] }] }),
      ),
    ],
  ])('and is %s is told from what is whole', async (_, text) => {
    mkdirSync(dir, { recursive: true });
    const file = join(dir, 's1.shop.t1.json');
    writeFileSync(file, text);
    expect(await spool.of('s1', 'shop')).toEqual([{ file, task: null }]);
  });

  test('nowhere is nothing', async () => {
    expect(await spool.of('s1', 'shop')).toEqual([]);
  });

  test('where nothing can be written is an error, and leaves nothing', async () => {
    writeFileSync(join(dir, '..', '..', 'state'), '');
    await expect(spool.keep(kept())).rejects.toThrow();
    expect(await spool.of('s1', 'shop')).toEqual([]);
  });
});

describe('whose writes are kept', () => {
  test.each([
    ['the journal of the task', keys.taskEvent('t1', 9), true],
    ['a resource of the database', keys.resource('shop', 'unit', 'x'), true],
    ['an instance of the database', keys.instance('shop.n1.a'), true],
    ['another journal', keys.taskEvent('t2', 9), false],
    ['a resource of another database', keys.resource('shop2', 'unit', 'x'), false],
    ['the database itself', keys.database('shop'), false],
    ['a host', keys.host('a'), false],
  ])('%s', (_, key, own) => {
    const writes = [{ kind: 'put', key, value: '{}', expect: 'any' }] as const;
    expect(isOwn(kept({ results: [{ seq: 1, writes }] }), keys)).toBe(own);
  });
});
