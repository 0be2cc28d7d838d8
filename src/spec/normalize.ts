import type { Json, JsonObject } from '../json.ts';
import { Secret } from '../secret.ts';
import { normalAttribute } from './attributes.ts';
import { parameterName, parameterText } from './parameters.ts';
import type { ParameterValue } from './parameters.ts';
import type { SpecInput } from './schema.ts';
import type { DatabaseSpec, NodeSpec, StoredSpec, UserSpec } from './types.ts';

/** An object without the fields whose value is undefined, which `exactOptionalPropertyTypes` tells apart. */
type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function present<T extends object>(fields: T): Partial<Present<T>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<
    Present<T>
  >;
}

function parameters(
  conf: Readonly<Record<string, ParameterValue>> | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(conf ?? {}).map(([name, value]) => [parameterName(name), parameterText(value)]),
  );
}

function nodeSpec(node: SpecInput['nodes'][number]): NodeSpec {
  return {
    name: node.name,
    host_ids: node.host_ids,
    ...present({ port: node.port, patroni_port: node.patroni_port }),
    postgresql_conf: parameters(node.postgresql_conf),
    pg_hba_conf: node.pg_hba_conf ?? [],
    pg_ident_conf: node.pg_ident_conf ?? [],
  };
}

function userSpec(user: NonNullable<SpecInput['database_users']>[number]): UserSpec {
  return {
    username: user.username,
    ...(user.password === undefined ? {} : { password: new Secret(user.password) }),
    db_owner: user.db_owner ?? false,
    attributes: (user.attributes ?? []).map(normalAttribute),
    roles: user.roles ?? [],
  };
}

/** A valid spec with its defaults, and every value in the one form the rest of pgctl reads. */
export function normalSpec(input: SpecInput): DatabaseSpec {
  return {
    id: input.id,
    ...present({ tenant_id: input.tenant_id }),
    database_name: input.database_name ?? input.id,
    ...present({
      postgres_version: input.postgres_version === undefined ? undefined : String(input.postgres_version),
      port: input.port,
      patroni_port: input.patroni_port,
    }),
    nodes: input.nodes.map(nodeSpec),
    database_users: (input.database_users ?? []).map(userSpec),
    postgresql_conf: parameters(input.postgresql_conf),
    pg_hba_conf: input.pg_hba_conf ?? [],
    pg_ident_conf: input.pg_ident_conf ?? [],
  };
}

/** Numbers as numbers again, where they come back as the same text: `200`, not `'200'`, is what people write. */
function storedParameter(text: string): Json {
  const number = Number(text);
  return Number.isFinite(number) && String(number) === text ? number : text;
}

function storedConf(fields: Pick<NodeSpec, 'postgresql_conf' | 'pg_hba_conf' | 'pg_ident_conf'>): JsonObject {
  const conf = Object.entries(fields.postgresql_conf);
  return {
    ...(conf.length === 0
      ? {}
      : { postgresql_conf: Object.fromEntries(conf.map(([name, text]) => [name, storedParameter(text)])) }),
    ...(fields.pg_hba_conf.length === 0 ? {} : { pg_hba_conf: fields.pg_hba_conf }),
    ...(fields.pg_ident_conf.length === 0 ? {} : { pg_ident_conf: fields.pg_ident_conf }),
  };
}

function storedUser(user: UserSpec): JsonObject {
  return {
    username: user.username,
    ...(user.db_owner ? { db_owner: true } : {}),
    ...(user.attributes.length === 0 ? {} : { attributes: user.attributes }),
    ...(user.roles.length === 0 ? {} : { roles: user.roles }),
  };
}

/**
 * A spec as it is stored and shown. Two files that mean the same have the same stored spec, whatever form
 * they are written in, so that comparing stored specs tells whether something differs, passwords aside.
 */
export function storedSpec(spec: DatabaseSpec): StoredSpec {
  return {
    id: spec.id,
    ...present({ tenant_id: spec.tenant_id }),
    database_name: spec.database_name,
    ...present({ postgres_version: spec.postgres_version, port: spec.port, patroni_port: spec.patroni_port }),
    nodes: spec.nodes.map((node) => ({
      name: node.name,
      host_ids: node.host_ids,
      ...present({ port: node.port, patroni_port: node.patroni_port }),
      ...storedConf(node),
    })),
    ...(spec.database_users.length === 0 ? {} : { database_users: spec.database_users.map(storedUser) }),
    ...storedConf(spec),
  };
}
