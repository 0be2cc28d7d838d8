import { PgctlError } from '../../src/errors.ts';
import type { Resource } from '../../src/plan/resource.ts';
import type { HostRecord } from '../../src/records/types.ts';
import type { InstanceDocument } from '../../src/ui/documents.ts';
import type { App } from './app.ts';

/** Where an instance is. */
export interface InstancePlace {
  readonly host: HostRecord;
  /** All of its database's, as the last operation left them. */
  readonly resources: readonly Resource[];
  /** In Postgres, which is not always its id; null where the database's record is gone meanwhile. */
  readonly databaseName: string | null;
}

/** What it takes to do something with an instance on its host. @throws PgctlError `host_unusable` */
export async function requireInstancePlace(app: App, instance: InstanceDocument): Promise<InstancePlace> {
  const snapshot = await (await app.store()).readDatabase(instance.database_id);
  const host = snapshot.hosts.get(instance.host_id)?.value;
  if (host === undefined) {
    throw new PgctlError('host_unusable', `host ${instance.host_id} is not registered any more`, {
      hint: 'See `pgctl host list` and `pgctl host add`.',
    });
  }
  const name = snapshot.database?.value.spec.database_name;
  return {
    host,
    resources: snapshot.resources.map(({ value }) => value),
    databaseName: typeof name === 'string' ? name : null,
  };
}
