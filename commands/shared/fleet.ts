import type { InstanceRecord, TaskRecord } from '../../src/records/types.ts';
import type { FleetSnapshot } from '../../src/store/store.ts';
import type { DatabaseDocument, InstanceDocument } from '../../src/ui/documents.ts';
import type { App } from './app.ts';
import { databaseDocument } from './database-document.ts';
import { noDatabase, notFound, refuseUnreadable, warnCorrupt } from './lookup.ts';

/** Everything that is known of all databases, as of one moment, and how it is shown. */
export interface ReadFleet {
  readonly snapshot: FleetSnapshot;
  readonly databases: readonly DatabaseDocument[];
  /** The last tasks of the databases that are not available, by id. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  readonly patroniNamespace: string;
}

/** One read of etcd, a second one where a last task matters; no host is asked. */
export async function readFleet(app: App): Promise<ReadFleet> {
  const store = await app.store();
  const fleet = await store.readFleet();
  const unsettled = fleet.databases
    .filter(({ value: { state, database_id } }) => state !== 'available' && !fleet.locks.has(database_id))
    .flatMap(({ value: { last_task_id } }) => (last_task_id === null ? [] : [last_task_id]));
  const { items } = await store.tasks.getEach(unsettled);
  const tasks = new Map(items.map(({ value }) => [value.task_id, value]));
  const instances = new Map<string, InstanceRecord[]>();
  for (const { value } of fleet.instances) {
    const others = instances.get(value.database_id);
    if (others === undefined) instances.set(value.database_id, [value]);
    else others.push(value);
  }
  const databases = fleet.databases.map(({ value: database }) =>
    databaseDocument({
      database,
      instances: instances.get(database.database_id) ?? [],
      statuses: fleet.statuses,
      hosts: fleet.hosts,
      clusters: fleet.patroni,
      lock: fleet.locks.get(database.database_id) ?? null,
      task: tasks.get(database.last_task_id ?? '') ?? null,
    }),
  );
  return { snapshot: fleet, databases, tasks, patroniNamespace: store.keys.patroniNamespace };
}

/** All databases with their instances as they are now. */
export async function readDatabases(app: App): Promise<readonly DatabaseDocument[]> {
  const { snapshot, databases } = await readFleet(app);
  warnCorrupt(app, snapshot.corrupt);
  return databases;
}

/** One instance, or the error that says there is none (exit 5) or none that can be read (exit 7). */
export async function requireInstanceDocument(app: App, id: string): Promise<InstanceDocument> {
  const { snapshot, databases } = await readFleet(app);
  const instances = databases.flatMap((database) => database.instances);
  const found = instances.find((instance) => instance.instance_id === id);
  const [database = ''] = id.split('.', 1);
  const { keys } = await app.store();
  if (found === undefined) {
    refuseUnreadable(snapshot.corrupt, keys.instances(), id);
    refuseUnreadable(snapshot.corrupt, keys.databases(), database);
    throw notFound(
      'instance',
      id,
      instances.map((instance) => instance.instance_id),
    );
  }
  warnCorrupt(app, snapshot.corrupt);
  return found;
}

/** One database, or the error that says there is none (exit 5) or none that can be read (exit 7). */
export async function requireDatabaseDocument(app: App, id: string): Promise<DatabaseDocument> {
  const { snapshot, databases } = await readFleet(app);
  const found = databases.find((database) => database.id === id);
  if (found === undefined) {
    const store = await app.store();
    refuseUnreadable(snapshot.corrupt, store.keys.databases(), id);
    throw await noDatabase(
      store,
      id,
      databases.map((database) => database.id),
    );
  }
  warnCorrupt(app, snapshot.corrupt);
  return found;
}
