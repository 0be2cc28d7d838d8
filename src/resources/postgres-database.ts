import type { Resource, ResourceKey } from '../plan/resource.ts';
import { quoteIdentifier, quoteLiteral } from '../steps/quote.ts';
import type { SqlStep } from '../steps/step.ts';
import { SUPERUSER } from './patroni-config.ts';
import { attributesOf, buildResource, type LifecycleContext, type ResourceType } from './type.ts';

export interface PostgresDatabaseAttributes {
  readonly name: string;
  /** Null: the superuser. */
  readonly owner: string | null;
}

function converge(resource: Resource, context: LifecycleContext): SqlStep[] {
  const a = attributesOf<PostgresDatabaseAttributes>(resource);
  const owner = a.owner ?? SUPERUSER;
  return [
    {
      kind: 'sql',
      name: `set up database ${a.name}`,
      connection: context.server(),
      sql:
        `select format('create database %I owner %I template template0 encoding ''UTF8'' lc_collate ''C.UTF-8'' lc_ctype ''C.UTF-8''', ` +
        `${quoteLiteral(a.name)}, ${quoteLiteral(owner)})\n` +
        `  where not exists (select from pg_database where datname = ${quoteLiteral(a.name)}) \\gexec\n` +
        `alter database ${quoteIdentifier(a.name)} owner to ${quoteIdentifier(owner)};\n`,
    },
  ];
}

/** The database in Postgres. Encoding and locale are pinned, so that they do not depend on the host. */
export const postgresDatabaseType: ResourceType = {
  type: 'postgres_database',
  version: 1,
  verbs: { create: 'create database', update: 'alter database', delete: 'drop database' },
  refresh: () => null,
  create: converge,
  update: (resource, _previous, context) => converge(resource, context),
  delete(resource, context) {
    const a = attributesOf<PostgresDatabaseAttributes>(resource);
    return [
      {
        kind: 'sql',
        name: `drop database ${a.name}`,
        connection: context.server(),
        sql: `drop database if exists ${quoteIdentifier(a.name)};\n`,
      },
    ];
  },
};

export function postgresDatabase(
  scope: string,
  attributes: PostgresDatabaseAttributes,
  after: readonly ResourceKey[],
): Resource {
  return buildResource(postgresDatabaseType, {
    id: `${scope}.${attributes.name}`,
    executor: { kind: 'primary', node: scope },
    attributes,
    after,
    contained_in: `node/${scope}`,
  });
}
