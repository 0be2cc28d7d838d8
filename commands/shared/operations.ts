import { EXIT, type ExitCode } from '../../src/errors.ts';
import { operate, rehearse } from '../../src/executor/operation.ts';
import type { OperationRequest, OperationTools } from '../../src/executor/request.ts';
import { openSpool } from '../../src/executor/spool.ts';
import type { TaskRecord } from '../../src/records/types.ts';
import { showPlan, showSavedPlan, showTaskResult } from '../../src/ui/views.ts';
import type { PlanDocument } from '../../src/plan/summary.ts';
import type { App } from './app.ts';
import { readDatabases } from './fleet.ts';
import { spoolDir } from './paths.ts';
import { taskDocument } from './task-document.ts';

/** What operations work with. */
export async function toolsOf(app: App): Promise<OperationTools> {
  const [store, transport, { endpoints, hostTls }] = await Promise.all([
    app.store(),
    app.transport(),
    app.connection(),
  ]);
  return {
    store,
    transport,
    endpoints,
    hostTls,
    report: (event) => app.ui.report(event),
    now: () => new Date(),
    who: app.who(),
    origin: app.origin(),
    lockWaitMs: app.globals.lockTimeoutMs,
    limitMs: app.globals.timeoutMs,
    spool: openSpool(spoolDir(app.env)),
  };
}

/** Shows what an operation would do. @param save keeps the plan, and returns the name of the file it is in */
export async function showRehearsal(
  app: App,
  request: OperationRequest,
  save?: (plan: PlanDocument) => Promise<string>,
): Promise<{ readonly changes: boolean }> {
  const document = await rehearse(await toolsOf(app), request);
  if (save === undefined) app.ui.result(document, showPlan);
  else app.ui.result({ ...document, saved_to: await save(document) }, showSavedPlan);
  return { changes: document.plans.length > 0 || document.database_changed === true };
}

/**
 * Runs an operation and shows its outcome, with the instance that it was about where there is one. Returns what
 * pgctl is to end with: a signal that came too late to stop anything is answered all the same.
 */
export async function runOperation(
  app: App,
  request: OperationRequest,
  instanceId: string | null = null,
): Promise<ExitCode> {
  const result = await operate(await toolsOf(app), request);
  const database = (await readDatabases(app)).find(({ id }) => id === request.databaseId);
  const instance = database?.instances.find(({ instance_id }) => instance_id === instanceId);
  const task =
    result.kind === 'completed' ? result.task : await lastTask(app, database?.last_task_id ?? null);
  app.ui.result(
    {
      kind: 'TaskResult',
      changed: result.kind === 'completed',
      task: task === null ? null : taskDocument(task),
      ...(database === undefined ? {} : { database }),
      ...(instance === undefined ? {} : { instance }),
    },
    showTaskResult,
  );
  if (result.kind !== 'completed' || result.tooLate === null) return EXIT.ok;
  app.ui.warn(`${result.tooLate.message}, and all was done by then`);
  return result.tooLate.exitCode;
}

/** The task that made a database what it is, where nothing was to be done now. */
async function lastTask(app: App, id: string | null): Promise<TaskRecord | null> {
  return id === null ? null : ((await (await app.store()).tasks.get(id))?.value ?? null);
}
