import { setTimeout as delay } from 'node:timers/promises';
import { type ExitCode, PgctlError } from '../../src/errors.ts';
import { endBySignal, endedCode } from '../../src/executor/signals.ts';
import { isFinal } from '../../src/records/states.ts';
import type { TaskRecord } from '../../src/records/types.ts';
import { showTaskLog, showTaskResult } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireTask, warnCorrupt } from '../shared/lookup.ts';
import { taskDocument } from '../shared/task-document.ts';
import { isInterrupted, reread } from '../shared/task-runs.ts';

const LOOK_MS = 500;

/** Shows the journal from entry `from` on. Returns which entry comes next. */
async function showFrom(app: App, id: string, from: number): Promise<number> {
  const { items, corrupt } = await (await app.store()).tasks.events(id, from);
  warnCorrupt(app, corrupt);
  if (items.length === 0) return from;
  app.ui.result({ kind: 'TaskLog', task_id: id, items: items.map(({ value }) => value) }, showTaskLog);
  return Math.max(...items.map(({ value }) => value.seq)) + 1;
}

/** Shows what a task does while it does it, run from whichever machine; until it ends, or a signal or its time limit says so. */
async function follow(app: App, given: TaskRecord): Promise<ExitCode | undefined> {
  const store = await app.store();
  const ending = endBySignal(app.globals.timeoutMs);
  const unread = new AbortController();
  app.io.stdout.once('error', () => unread.abort());
  const signal = AbortSignal.any([ending.signal, unread.signal]);
  try {
    let next = 0;
    for (let quiet = 0; !signal.aborted;) {
      // The state comes first: what was written before it is read after it.
      const task = await reread(store, given);
      const locks = await store.locks();
      quiet = isInterrupted(task, locks) ? quiet + 1 : 0;
      next = await showFrom(app, task.task_id, next);
      // A run gives its lock up after it wrote how it ended, so one look without a lock says nothing.
      if (isFinal(task.state) || task.state === 'unknown' || quiet > 1) {
        const document = { kind: 'TaskResult', changed: true, task: taskDocument(task, locks) } as const;
        app.ui.result(document, showTaskResult);
        return undefined;
      }
      await delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
    return unread.signal.aborted ? undefined : endedCode(ending);
  } finally {
    ending.dispose();
  }
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<task>', 'id of the task')
      .option('-f, --follow', 'go on with what comes, until the task ends')
      .addHelpText('after', '\nExample:\n  pgctl task logs 20260102-030405678-abc123 --follow'),
  async run(app, [id = ''], options) {
    const { output } = app.globals;
    if (options.follow === true && output !== 'text') {
      throw new PgctlError('usage', `--follow and --output ${output} exclude each other`, {
        hint: 'A document has an end. Leave --follow out, or take text.',
      });
    }
    const store = await app.store();
    const { value: task } = await requireTask(store, id);
    if (options.follow === true) return follow(app, task);
    const { items, corrupt } = await store.tasks.events(id);
    warnCorrupt(app, corrupt);
    app.ui.result({ kind: 'TaskLog', task_id: id, items: items.map(({ value }) => value) }, showTaskLog);
  },
};
