import { PgctlError } from '../errors.ts';
import type { MigrationTable } from '../plan/migrate.ts';
import { clusterConfigType } from './cluster-config.ts';
import { directoryType } from './directory.ts';
import { etcdUserType } from './etcd-user.ts';
import { instanceType } from './instance.ts';
import { memberType } from './member.ts';
import { nodeType } from './node.ts';
import { patroniConfigType } from './patroni-config.ts';
import { patroniScopeType } from './patroni-scope.ts';
import { postgresDatabaseType } from './postgres-database.ts';
import { processType } from './process.ts';
import { roleType } from './role.ts';
import type { ResourceType } from './type.ts';
import { unitType } from './unit.ts';

/** Every kind of resource. A new one is added here and nowhere else. */
const TYPES: ReadonlyMap<string, ResourceType> = new Map(
  [
    patroniScopeType,
    etcdUserType,
    memberType,
    directoryType,
    patroniConfigType,
    unitType,
    processType,
    instanceType,
    nodeType,
    clusterConfigType,
    roleType,
    postgresDatabaseType,
  ].map((type) => [type.type, type]),
);

/** The lifecycle of a resource's type. A type that is not known was written by a newer pgctl. */
export function typeOf(resource: { readonly type: string }): ResourceType {
  const type = TYPES.get(resource.type);
  if (type === undefined) {
    throw new PgctlError('store_newer', `this pgctl does not know the resource type ${resource.type}`, {
      hint: 'Upgrade pgctl to the version that wrote it.',
    });
  }
  return type;
}

/** What brings stored resources up to date, by type. Every type is at its first version so far. */
export const MIGRATIONS: MigrationTable = Object.fromEntries(
  [...TYPES.values()].map(({ type, version }) => [type, { version, steps: {} }]),
);
