import { oneOf, shown } from './wording.ts';

/** Why a text is not what a field wants, and what it wants; nothing where it is. */
export type Problem = (text: string) => string | undefined;

/**
 * Ids of databases, hosts and tenants. They become parts of paths, unit names, etcd keys and, joined by dots,
 * of instance ids, so they hold no dot, no slash and nothing a shell would read.
 */
export const ID_PATTERN = /^(?!.*--)[a-z0-9]([a-z0-9-]{0,34}[a-z0-9])?$/;

export const idProblem: Problem = (text) =>
  ID_PATTERN.test(text)
    ? undefined
    : `${shown(text)} is not an id; use 1 to 36 of a-z, 0-9 and single hyphens, with a letter or digit at both ends`;

export const NODE_NAME_PATTERN = /^n[1-9]$/;

export const nodeNameProblem: Problem = (text) =>
  NODE_NAME_PATTERN.test(text) ? undefined : `${shown(text)} is not a node's name; use n1 to n9`;

/** Postgres cuts longer names silently (NAMEDATALEN). */
const MAX_NAME_BYTES = 63;

function identifierProblem(text: string): string | undefined {
  if (text === '') return 'is empty; give a name';
  if (/[\p{Cc}\p{Cs}]/u.test(text)) return `${shown(text)} holds a control character; remove it`;
  const bytes = new TextEncoder().encode(text).length;
  if (bytes <= MAX_NAME_BYTES) return undefined;
  return `${shown(text)} has ${bytes} bytes; Postgres names have at most ${MAX_NAME_BYTES}`;
}

/** Databases that every Postgres has, and that are not the user's to create or delete. */
const RESERVED_DATABASES: readonly string[] = ['postgres', 'template0', 'template1'];

export const databaseNameProblem: Problem = (text) =>
  RESERVED_DATABASES.includes(text)
    ? `${shown(text)} is a database that Postgres itself brings; choose another name`
    : identifierProblem(text);

/** Roles that are not the user's to create, to be a member of, or to name in access rules, and whose they are. */
export const RESERVED_ROLES = {
  postgres: "Patroni's superuser",
  replicator: "Patroni's role for replication",
  rewind_user: "Patroni's role for pg_rewind",
  pgctl: "pgctl's own role",
} as const satisfies Record<string, string>;

/** What the role is that nobody but pgctl and Patroni uses; nothing for a role of the user's. */
export function reservedRole(name: string): string | undefined {
  if (name.startsWith('pgctl_')) return 'a name that pgctl keeps for its own roles';
  return Object.hasOwn(RESERVED_ROLES, name)
    ? RESERVED_ROLES[name as keyof typeof RESERVED_ROLES]
    : undefined;
}

/** The map of pg_ident.conf through which the host's own accounts become the superuser. */
export const RESERVED_MAP = 'pgctl';

/** Words that Postgres refuses as the name of a role, however they are quoted. */
const NO_ROLES: readonly string[] = ['public', 'none'];

export const usernameProblem: Problem = (text) => {
  const reserved = reservedRole(text);
  if (reserved !== undefined) return `${shown(text)} is ${reserved}; choose another name`;
  if (text.startsWith('pg_'))
    return `${shown(text)} starts with pg_, which Postgres keeps for its own roles; choose another name`;
  if (NO_ROLES.includes(text))
    return `${shown(text)} is a word that Postgres keeps for itself; choose another name`;
  return identifierProblem(text);
};

/** A role to be a member of: of the spec, predefined (`pg_monitor`), or made by other means. */
export const roleProblem: Problem = (text) => {
  const reserved = reservedRole(text);
  if (reserved !== undefined) return `${shown(text)} is ${reserved} and has no members; remove it`;
  if (NO_ROLES.includes(text)) return `${shown(text)} is no role; remove it`;
  return identifierProblem(text);
};

/** Never repeats the password. */
export const passwordProblem: Problem = (text) => {
  if (text === '') return 'is empty; give a password, or leave the field out';
  return /[\r\n\0]/.test(text) ? 'goes over several lines; write it on one line, in quotes' : undefined;
};

/** Major versions of Postgres that pgctl knows. */
export const POSTGRES_MAJORS: readonly number[] = [15, 16, 17, 18];

/** `17`, `17.4`. */
export const VERSION_PATTERN = /^[1-9][0-9]*(\.(0|[1-9][0-9]{0,2}))?$/;

export const versionProblem: Problem = (text) => {
  if (!VERSION_PATTERN.test(text))
    return `${shown(text)} is not a version; write a major such as 17 or a minor such as "17.4"`;
  if (POSTGRES_MAJORS.includes(postgresMajor(text))) return undefined;
  return `Postgres ${shown(text)} is not supported; use ${oneOf(POSTGRES_MAJORS.map(String))}`;
};

/** The major of a version that `versionProblem` accepts. */
export function postgresMajor(version: string): number {
  return Number(version.split('.', 1)[0]);
}
