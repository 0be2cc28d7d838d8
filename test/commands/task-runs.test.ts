import { describe, expect, test } from 'vitest';
import { isInterrupted, runsOf } from '../../commands/shared/task-runs.ts';
import type { LockRecord, TaskRecord } from '../../src/records/types.ts';

const FROM = { host: 'laptop', boot_id: 'b', pid: 1 };

const task = (more: Partial<TaskRecord>): TaskRecord => ({
  task_id: 'one',
  operation: 'update',
  scope: 'database',
  entity_id: 'shop',
  databases: ['shop'],
  state: 'running',
  error: null,
  who: 'ada',
  from: FROM,
  started_at: '2026-01-02T03:04:05.000Z',
  finished_at: null,
  events: { total: 1, done: 0, failed: 0, not_reached: 0 },
  ...more,
});

const locks = (held: Readonly<Record<string, readonly [task: string, command: string]>>) =>
  new Map(
    Object.entries(held).map(([database, [taskId, command]]): [string, LockRecord] => [
      database,
      { who: 'ada', from: FROM, command, task_id: taskId, since: '2026-01-02T03:04:05.000Z' },
    ]),
  );

const recovery = task({
  operation: 'recover',
  scope: 'host',
  entity_id: 'host-1',
  databases: ['shop', 'mail'],
});

describe("a task's runs", () => {
  test.each([
    ['one that holds its database', task({}), { shop: ['one', 'db update shop'] }, ['one'], false],
    ['one whose database nobody holds', task({}), {}, [], true],
    ['one whose database another task holds', task({}), { shop: ['two', 'db update shop'] }, [], true],
    ['one that has ended', task({ state: 'failed' }), {}, [], false],
    ['one whose outcome is unknown, which is said already', task({ state: 'unknown' }), {}, [], false],
    ['one that is asked to stop and died over it', task({ state: 'canceling' }), {}, [], true],
    [
      'a recovery, by those of its databases',
      recovery,
      { mail: ['three', 'recover --remove-host host-1'] },
      ['three'],
      false,
    ],
    ['a recovery whose databases others work on', recovery, { mail: ['four', 'db restart mail'] }, [], true],
  ] as const)('%s', (_, given, held, runs, interrupted) => {
    expect(runsOf(given, locks(held))).toEqual(runs);
    expect(isInterrupted(given, locks(held))).toBe(interrupted);
  });
});
