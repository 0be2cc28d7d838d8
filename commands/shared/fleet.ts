import { IN_PROGRESS } from '../../src/records/states.ts';
import type { DatabaseDocument } from '../../src/ui/documents.ts';
import type { App } from './app.ts';
import { databaseDocument } from './database-document.ts';
import { notFound, warnCorrupt } from './lookup.ts';

/** All databases with their instances as they are now: one read of etcd, and no host is asked. */
export async function readDatabases(app: App): Promise<DatabaseDocument[]> {
  const store = await app.store();
  const fleet = await store.readFleet();
  warnCorrupt(app, fleet.corrupt);
  const stuck = fleet.databases
    .map(({ value }) => value)
    .filter((database) => IN_PROGRESS[database.state] && !fleet.locks.has(database.database_id))
    .flatMap(({ last_task_id }) => (last_task_id === null ? [] : [last_task_id]));
  const { items: tasks } = await store.tasks.getEach(stuck);
  return fleet.databases.map(({ value: database }) =>
    databaseDocument({
      database,
      instances: fleet.instances
        .map(({ value }) => value)
        .filter((i) => i.database_id === database.database_id),
      statuses: fleet.statuses,
      hosts: fleet.hosts,
      clusters: fleet.patroni,
      lock: fleet.locks.get(database.database_id) ?? null,
      task: tasks.find(({ value }) => value.task_id === database.last_task_id)?.value ?? null,
    }),
  );
}

/** One database, or the error that says there is none (exit 5). */
export async function requireDatabaseDocument(app: App, id: string): Promise<DatabaseDocument> {
  const databases = await readDatabases(app);
  const found = databases.find((database) => database.id === id);
  if (found === undefined)
    throw notFound(
      'database',
      id,
      databases.map((database) => database.id),
    );
  return found;
}
