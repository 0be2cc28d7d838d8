import { randomBytes } from 'node:crypto';
import { type ErrorCode, EXIT, type ExitCode, PgctlError, toPgctlError } from '../../src/errors.ts';
import { signOfLife } from '../../src/executor/liveness.ts';
import { operate, rehearse } from '../../src/executor/operation.ts';
import type { OperationTools } from '../../src/executor/request.ts';
import { endBySignal } from '../../src/executor/signals.ts';
import { begunTask, supersededTask } from '../../src/records/outcome.ts';
import type { HostRecord, TaskRecord } from '../../src/records/types.ts';
import type { Store } from '../../src/store/store.ts';
import type { Stored } from '../../src/store/codec.ts';
import { showPlanList, showTaskResult } from '../../src/ui/views.ts';
import type { App } from './app.ts';
import { readFleet } from './fleet.ts';
import { notFound } from './lookup.ts';
import { toolsOf } from './operations.ts';
import { losesLastCopy, type Loss, lossesOf, lossText, recovery } from './recovery.ts';
import { isInterrupted } from './task-runs.ts';
import { taskDocument } from './task-document.ts';

/** What ends a recovery before it is through, whatever else came of it. */
const SIGNALS: ReadonlySet<ErrorCode | undefined> = new Set(['sigint', 'sigterm', 'sighup']);

/** How far back runs that were interrupted are looked for. */
const RECENT_TASKS = 500;

type LostHost = Stored<HostRecord>;

/** The hosts that are still registered; one that was recovered before is done with. */
async function registered(app: App, ids: readonly string[]): Promise<LostHost[]> {
  const store = await app.store();
  const { items } = await store.hosts.list();
  const found: LostHost[] = [];
  for (const id of new Set(ids)) {
    const host = items.find(({ value }) => value.host_id === id);
    if (host !== undefined) found.push(host);
    else if ((await store.hosts.tombstoneOf(id)) === null)
      throw notFound(
        'host',
        id,
        items.map(({ value }) => value.host_id),
      );
  }
  return found;
}

/** A host that lives is not lost. @throws PgctlError `host_answers` */
async function assertSilent(app: App, hosts: readonly LostHost[]): Promise<void> {
  const { snapshot } = await readFleet(app);
  const store = await app.store();
  const transport = await app.transport();
  const signs = await Promise.all(
    hosts.map(async ({ value: host }) => ({
      id: host.host_id,
      sign: await signOfLife({ store, transport, host, clusters: [...snapshot.patroni.values()] }),
    })),
  );
  const alive = signs.filter(({ sign }) => sign !== null);
  if (alive.length === 0) return;
  throw new PgctlError('host_answers', `${alive.map(({ id }) => id).join(', ')} is not lost`, {
    details: alive.map(({ id, sign }) => `${id}: ${sign ?? ''}`),
    hint: 'Take its instances out with `pgctl db apply` of a spec without it. If it must go all the same, switch it off first, or add --force: what a primary there still accepts is lost.',
  });
}

function question(hosts: readonly LostHost[], losses: readonly Loss[]): string {
  const ids = hosts.map(({ value }) => value.host_id).join(', ');
  return [
    `This removes ${ids} for good. Nothing is run there any more, so it must be off and stay off:`,
    'a primary that still runs there would go on accepting writes, and all of them would be lost.',
    ...(losses.length === 0 ? ['  No database has anything there.'] : losses.map(lossText)),
  ].join('\n');
}

function assertDataLossAllowed(losses: readonly Loss[]): void {
  const last = losses.filter(losesLastCopy).map(({ databaseId }) => databaseId);
  if (last.length === 0) return;
  throw new PgctlError(
    'confirmation_needed',
    `the last copy of the data of ${last.join(', ')} is on what is to be removed`,
    { hint: 'Bring a host back, or add --allow-data-loss: the records of these databases then go as well.' },
  );
}

interface Outcome {
  readonly id: string;
  readonly error: PgctlError | null;
}

/** All databases side by side; one that fails does not stop the others. */
async function recoverAll(
  tools: OperationTools,
  losses: readonly Loss[],
  hosts: ReadonlySet<string>,
): Promise<Outcome[]> {
  return Promise.all(
    losses.map(async (loss): Promise<Outcome> => {
      try {
        await operate(tools, recovery(loss, hosts));
        return { id: loss.databaseId, error: null };
      } catch (thrown) {
        return { id: loss.databaseId, error: toPgctlError(thrown) };
      }
    }),
  );
}

/** The task that stands for the recovery as a whole; each database has one of its own besides. */
function taskOf(tools: OperationTools, hosts: readonly LostHost[], losses: readonly Loss[]): TaskRecord {
  const started = tools.now();
  return begunTask(
    {
      ...{ task_id: tools.store.newTaskId(started, randomBytes(8)), operation: 'recover', scope: 'host' },
      entity_id: hosts.map(({ value }) => value.host_id).join(','),
      databases: losses.map(({ databaseId }) => databaseId),
      ...{ who: tools.who, from: tools.origin },
    },
    { at: started.toISOString(), events: losses.length },
  );
}

function endedTask(
  task: TaskRecord,
  outcomes: readonly Outcome[],
  error: string | null,
  now: Date,
): TaskRecord {
  const failed = outcomes.filter((outcome) => outcome.error !== null).length;
  return {
    ...task,
    state: error === null ? 'completed' : 'failed',
    error,
    finished_at: now.toISOString(),
    events: { ...task.events, done: outcomes.length - failed, failed },
  };
}

/** Ends what earlier runs for the same hosts left: this one goes on with their work. */
async function settleEarlier(store: Store, task: TaskRecord): Promise<void> {
  const [{ items }, locks] = await Promise.all([store.tasks.list(RECENT_TASKS), store.locks()]);
  for (const { value, modRevision } of items) {
    if (value.scope !== 'host' || value.operation !== task.operation || !isInterrupted(value, locks))
      continue;
    if (!value.entity_id.split(',').some((host) => task.entity_id.split(',').includes(host))) continue;
    await store.tasks.put(supersededTask(value, task.task_id, task.started_at), { modRevision });
  }
}

/**
 * Ends a recovery: the hosts go with the commit that says it is completed, so that no run can die between the
 * two. Where databases failed, or a host could not be removed, the hosts stay and the task says why.
 */
async function endRecovery(
  { store, now }: OperationTools,
  done: {
    readonly task: TaskRecord;
    readonly hosts: readonly LostHost[];
    readonly outcomes: readonly Outcome[];
  },
): Promise<{ readonly ended: TaskRecord; readonly error: string | null }> {
  const { task, hosts, outcomes } = done;
  const failed = outcomes.filter(({ error }) => error !== null);
  const end = (error: string | null): TaskRecord => endedTask(task, outcomes, error, now());
  // Somebody may have settled it meanwhile, taking it for dead: how it ended is what counts.
  const expect = 'any';
  let error = failed.length === 0 ? null : `not recovered: ${failed.map(({ id }) => id).join(', ')}`;
  if (error === null) {
    const completed = end(null);
    try {
      for (const [index, host] of hosts.entries()) {
        const last = index === hosts.length - 1;
        await store.hosts.bury(host, now().toISOString(), last ? [store.tasks.write(completed, expect)] : []);
      }
      return { ended: completed, error };
    } catch (thrown) {
      error = toPgctlError(thrown).message;
    }
  }
  const ended = end(error);
  await store.tasks.put(ended, expect);
  return { ended, error };
}

/** Recovers, and writes down how it ended whatever signal comes meanwhile: each database's operation stops for it. */
async function recover(app: App, hosts: readonly LostHost[], losses: readonly Loss[]): Promise<ExitCode> {
  const ending = endBySignal();
  try {
    const code = await recoverUninterrupted(app, hosts, losses);
    return ending.signal.aborted ? toPgctlError(ending.signal.reason).exitCode : code;
  } finally {
    ending.dispose();
  }
}

async function recoverUninterrupted(
  app: App,
  hosts: readonly LostHost[],
  losses: readonly Loss[],
): Promise<ExitCode> {
  const tools = await toolsOf(app);
  const { store } = tools;
  await store.prepareToChange();
  const lost = new Set(hosts.map(({ value }) => value.host_id));
  const task = taskOf(tools, hosts, losses);
  await settleEarlier(store, task);
  await store.tasks.put(task, 'absent');
  const outcomes = await recoverAll(tools, losses, lost);
  const failed = outcomes.filter(({ error }) => error !== null);
  const { ended, error } = await endRecovery(tools, { task, hosts, outcomes });
  const [only] = failed;
  if (failed.length === 1 && outcomes.length === 1 && only?.error) throw only.error;
  const { databases } = await readFleet(app);
  app.ui.result(
    {
      kind: 'TaskResult',
      changed: true,
      task: taskDocument(ended),
      databases: outcomes.map((outcome) => ({
        id: outcome.id,
        state: databases.find(({ id }) => id === outcome.id)?.state ?? null,
        error: outcome.error?.message ?? null,
      })),
    },
    showTaskResult,
  );
  for (const { id, error: why } of failed)
    app.ui.warn(`${id}: ${[why?.message, ...(why?.details ?? [])].join('; ')}`);
  if (failed.length > 0) {
    app.ui.warn('the hosts stay registered; mend the cause and run the same command again');
    const signal = failed.find((outcome) => SIGNALS.has(outcome.error?.code));
    if (signal?.error) return signal.error.exitCode;
    return failed.length === outcomes.length ? EXIT.failed : EXIT.partial;
  }
  if (error !== null) {
    throw new PgctlError('operation_failed', error, {
      hint: 'The databases are recovered, and a host is still registered; run the same command again.',
      taskId: task.task_id,
    });
  }
  const names = losses.filter((loss) => !losesLastCopy(loss)).map(({ databaseId }) => databaseId);
  if (names.length > 0)
    app.ui.warn(
      `your own spec files of ${names.join(', ')} still name ${[...lost].join(', ')}: take it out there, or the next \`pgctl db apply\` refuses it`,
    );
  return EXIT.ok;
}

/** What the operator allows, and whether it is only to be shown. */
export interface RecoverOptions {
  /** Also where a host still answers. */
  readonly force: boolean;
  /** Also where the last copy of a database is on a host. */
  readonly allowDataLoss: boolean;
  readonly dryRun?: boolean;
}

/** Takes lost hosts out of every database and forgets them; shows first what that means, and asks. */
export async function recoverHosts(
  app: App,
  named: readonly string[],
  options: RecoverOptions,
): Promise<ExitCode> {
  const hosts = await registered(app, named);
  if (hosts.length === 0) {
    app.ui.result({ kind: 'TaskResult', changed: false, task: null }, showTaskResult);
    return EXIT.ok;
  }
  const ids = hosts.map(({ value }) => value.host_id);
  const { databases, snapshot } = await readFleet(app);
  const losses = lossesOf(databases, snapshot.patroni, new Set(ids));
  if (options.dryRun === true) {
    const tools = await toolsOf(app);
    const plans = await Promise.all(losses.map((loss) => rehearse(tools, recovery(loss, new Set(ids)))));
    for (const loss of losses) app.ui.warn(lossText(loss).trim());
    app.ui.result({ kind: 'PlanList', items: plans }, showPlanList);
    return EXIT.ok;
  }
  if (!options.force) await assertSilent(app, hosts);
  if (!options.allowDataLoss) assertDataLossAllowed(losses);
  if (!app.globals.yes) await app.ui.confirm({ question: question(hosts, losses), expected: ids.join(',') });
  return recover(app, hosts, losses);
}
