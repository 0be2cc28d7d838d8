import { setTimeout as delay } from 'node:timers/promises';
import { PgctlError } from '../../src/errors.ts';
import { isFinal } from '../../src/records/states.ts';
import type { TaskRecord } from '../../src/records/types.ts';
import { showTaskResult } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireTask } from '../shared/lookup.ts';
import { taskDocument } from '../shared/task-document.ts';
import { reread, runsOf, settleCanceled } from '../shared/task-runs.ts';

const LOOK_MS = 300;

/** Waits until a task has ended; ends it where its run died before it could. */
async function untilEnded(app: App, task: TaskRecord): Promise<TaskRecord> {
  const store = await app.store();
  const end = performance.now() + (app.globals.timeoutMs ?? Infinity);
  for (let quiet = 0; ;) {
    const now = await reread(store, task);
    if (isFinal(now.state) || now.state === 'unknown') return now;
    quiet = runsOf(now, await store.locks()).length === 0 ? quiet + 1 : 0;
    // A run gives its lock up after it wrote how it ended, so one look without a lock says nothing.
    if (quiet > 1) {
      await settleCanceled(app, now);
      return reread(store, now);
    }
    if (performance.now() > end) {
      throw new PgctlError('timeout', `task ${task.task_id} did not stop in time; the wish stands`, {
        hint: `See what it waits for: \`pgctl task logs ${task.task_id} --follow\`.`,
        taskId: task.task_id,
      });
    }
    await delay(LOOK_MS);
  }
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<task>', 'id of the task')
      .option('--no-wait', 'ask it to stop, and do not wait until it has')
      .addHelpText('after', '\nExample:\n  pgctl task cancel 20260102-030405678-abc123'),
  async run(app, [id = ''], options) {
    const store = await app.store();
    const { value: task } = await requireTask(store, id);
    const show = (shown: TaskRecord, changed: boolean): void =>
      app.ui.result({ kind: 'TaskResult', changed, task: taskDocument(shown) }, showTaskResult);
    if (isFinal(task.state)) {
      show(task, false);
      return;
    }
    await store.assertWritable();
    const request = { who: app.who(), from: app.origin(), at: app.now() };
    for (const run of runsOf(task, await store.locks())) await store.tasks.requestCancel(run, request);
    if (options.wait === false) {
      show(task, true);
      return;
    }
    const ended = await untilEnded(app, task);
    if (ended.state === 'completed') app.ui.warn('it was completed before it could be stopped');
    show(ended, ended.state !== 'completed');
  },
};
