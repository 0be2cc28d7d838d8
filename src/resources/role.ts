import type { Resource, ResourceKey } from '../plan/resource.ts';
import { quoteIdentifier, quoteLiteral } from '../steps/quote.ts';
import type { SqlStep, Text } from '../steps/step.ts';
import { Secret } from '../secret.ts';
import { attributesOf, buildResource, type LifecycleContext, type ResourceType } from './type.ts';

export interface RoleAttributes {
  readonly name: string;
  /** Where what it owns is, when it is dropped: the spec's database. */
  readonly database: string;
  /** Such as `LOGIN`, `CREATEDB`, `CONNECTION LIMIT 5`; checked against a list by the spec. */
  readonly options: readonly string[];
  readonly member_of: readonly string[];
  /** Name of the secret that holds its SCRAM verifier; null: no password. */
  readonly verifier: string | null;
  /** Of the verifier, so that a new password is a difference. */
  readonly verifier_digest: string | null;
}

/** Every option a role can have, with what it is when the spec does not name it. */
const DEFAULT_OPTIONS = [
  'NOLOGIN',
  'NOSUPERUSER',
  'NOCREATEDB',
  'NOCREATEROLE',
  'NOREPLICATION',
  'NOBYPASSRLS',
  'INHERIT',
  'CONNECTION LIMIT -1',
] as const;

const bare = (option: string): string => option.replace(/^NO/, '').replace(/ -?\d+$/, '');

/** The options in full: what the spec names, and the default of every other. */
function allOptions(options: readonly string[]): string[] {
  const named = new Set(options.map(bare));
  return [...DEFAULT_OPTIONS.filter((option) => !named.has(bare(option))), ...options];
}

function converge(resource: Resource, previous: Resource | null, context: LifecycleContext): SqlStep[] {
  const a = attributesOf<RoleAttributes>(resource);
  const name = quoteIdentifier(a.name);
  const password: Text =
    a.verifier === null ? 'null' : new Secret(quoteLiteral(context.secret(a.verifier).reveal()));
  const before = previous === null ? [] : attributesOf<RoleAttributes>(previous).member_of;
  const revoked = before.filter((group) => !a.member_of.includes(group));
  const sql: (string | Secret)[] = [
    `select format('create role %I', ${quoteLiteral(a.name)})\n`,
    `  where not exists (select from pg_roles where rolname = ${quoteLiteral(a.name)}) \\gexec\n`,
    `alter role ${name} with ${allOptions(a.options).join(' ')} password `,
    password,
    ';\n',
    ...a.member_of.map((group) => `grant ${quoteIdentifier(group)} to ${name};\n`),
    ...revoked.map((group) => `revoke ${quoteIdentifier(group)} from ${name};\n`),
  ];
  return [{ kind: 'sql', name: `set up role ${a.name}`, connection: context.server(), sql }];
}

/**
 * A role that owns something cannot be dropped; what it owns in the spec's database goes to that database's
 * owner, never away. With nothing left of its own, `drop owned` only takes back its privileges.
 */
function dropRole({ name, database }: RoleAttributes): string {
  const [role, there] = [quoteLiteral(name), quoteLiteral(database)];
  return `select exists (select from pg_database where datname = ${there})
   and exists (select from pg_roles where rolname = ${role}) as owns \\gset
\\if :owns
\\connect ${quoteIdentifier(database)}
select format('reassign owned by %I to %I', ${role}, pg_get_userbyid(datdba))
  from pg_database where datname = current_database() \\gexec
drop owned by ${quoteIdentifier(name)};
\\endif
drop role if exists ${quoteIdentifier(name)};
`;
}

/** A role in Postgres. The server only ever sees the verifier of its password. */
export const roleType: ResourceType = {
  type: 'role',
  version: 1,
  verbs: { create: 'create role', update: 'alter role', delete: 'drop role' },
  refresh: () => null,
  create: (resource, context) => converge(resource, null, context),
  update: converge,
  delete(resource, context) {
    const a = attributesOf<RoleAttributes>(resource);
    return [
      {
        kind: 'sql',
        name: `drop role ${a.name}`,
        connection: context.server(),
        sql: dropRole(a),
      },
    ];
  },
};

export function role(scope: string, attributes: RoleAttributes, after: readonly ResourceKey[]): Resource {
  return buildResource(roleType, {
    id: `${scope}.${attributes.name}`,
    executor: { kind: 'primary', node: scope },
    attributes,
    after,
    contained_in: `node/${scope}`,
  });
}
