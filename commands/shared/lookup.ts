import { PgctlError } from '../../src/errors.ts';
import type { HostRecord, TaskRecord } from '../../src/records/types.ts';
import { didYouMean } from '../../src/spec/nearest.ts';
import { corruptError, type CorruptValue, type Stored } from '../../src/store/codec.ts';
import type { Store } from '../../src/store/store.ts';
import type { App } from './app.ts';

/** What can be asked for by name, with the command that lists it. */
const LIST_COMMANDS = {
  host: 'pgctl host list',
  database: 'pgctl db list',
  instance: 'pgctl instance list',
  task: 'pgctl task list',
} as const;

/** The error for a name that nothing has (exit 5), with the nearest that something has. */
export function notFound(
  what: keyof typeof LIST_COMMANDS,
  name: string,
  known: readonly string[],
): PgctlError {
  const near = didYouMean(name, known).trim();
  return new PgctlError('not_found', `there is no ${what} ${name}`, {
    hint: [near, `See \`${LIST_COMMANDS[what]}\`.`].filter((part) => part !== '').join(' '),
  });
}

/**
 * For a filter of a list: what it names may be gone, so nothing found is no error; a name that is nearly another
 * is said.
 */
export function warnNearMiss(
  app: App,
  {
    what,
    name,
    known,
  }: {
    readonly what: keyof typeof LIST_COMMANDS;
    readonly name: string | undefined;
    readonly known: readonly string[];
  },
): void {
  if (name === undefined || known.includes(name)) return;
  const near = didYouMean(name, known);
  if (near !== '') app.ui.warn(`there is no ${what} ${name}; ${near}`);
}

/**
 * What is there and cannot be read is not absent: who is told so would make it anew.
 *
 * @param id of what is asked for: the last part of its key
 * @throws PgctlError `store_corrupt`
 */
export function refuseUnreadable(corrupt: readonly CorruptValue[], prefix: string, id: string): void {
  const own = corrupt.filter(({ key }) => key.startsWith(prefix) && key.endsWith(`/${id}`));
  if (own.length > 0) throw corruptError(own);
}

export async function requireHost(store: Store, id: string): Promise<Stored<HostRecord>> {
  const { items, corrupt } = await store.hosts.list();
  const found = items.find(({ value }) => value.host_id === id);
  if (found !== undefined) return found;
  refuseUnreadable(corrupt, store.keys.hosts(), id);
  throw notFound(
    'host',
    id,
    items.map(({ value }) => value.host_id),
  );
}

/** How far back a near name of a task is looked for, and who deleted a database. */
const RECENT_TASKS = 200;

/** What can have taken a database away. */
const DELETING: ReadonlySet<string> = new Set(['delete', 'recover']);

/** The error for a database that is not there (exit 5); it says who deleted it, where that is remembered. */
export async function noDatabase(store: Store, id: string, known: readonly string[]): Promise<PgctlError> {
  const error = notFound('database', id, known);
  const { items } = await store.tasks.list(RECENT_TASKS);
  const task = items
    .map(({ value }) => value)
    .find(
      ({ operation, scope, entity_id, state }) =>
        DELETING.has(operation) && scope === 'database' && entity_id === id && state === 'completed',
    );
  if (task === undefined) return error;
  const { who, from, finished_at: at, task_id: taskId } = task;
  return new PgctlError(
    error.code,
    `${error.message} any more: ${who} from ${from.host} deleted it at ${at ?? 'some time'} (task ${taskId})`,
    { hint: `See \`pgctl task get ${taskId}\` and \`pgctl db list\`.` },
  );
}

export async function requireTask(store: Store, id: string): Promise<Stored<TaskRecord>> {
  const valid = /^[a-z0-9-]{1,36}$/.test(id);
  const found = valid ? await store.tasks.get(id) : null;
  if (found !== null) return found;
  const { items } = await store.tasks.list(RECENT_TASKS);
  throw notFound(
    'task',
    id,
    items.map(({ value }) => value.task_id),
  );
}

/** Tells of records that cannot be read; they do not keep the others from being shown. */
export function warnCorrupt(app: App, corrupt: readonly CorruptValue[]): void {
  for (const { key, problem } of corrupt)
    app.ui.warn(`the value at ${key} is not what pgctl wrote: ${problem}`);
}
