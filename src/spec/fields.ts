import { didYouMean } from './nearest.ts';
import { oneOf } from './wording.ts';

/** The parts of a spec that have fields of their own. */
export type Level = 'body' | 'database' | 'node' | 'user';

const BACKUPS = 'backups come later';
const ONE_NODE = 'several nodes per database come later';

/**
 * Fields that the API of the pgEdge Control Plane has and pgctl does not have yet, with what comes later or
 * what to use instead. A field leaves this table when it enters src/spec/schema.ts.
 */
export const UNSUPPORTED = {
  body: {},
  database: {
    spock_version: ONE_NODE,
    cpus: 'remove it, and tune Postgres through postgresql_conf',
    memory: 'remove it, and tune Postgres through postgresql_conf',
    services: 'remove it; pgctl runs nothing beside Postgres and Patroni',
    backup_config: BACKUPS,
    restore_config: BACKUPS,
    orchestrator_opts: 'remove it; pgctl runs no containers',
    scripts: 'remove it, and run the SQL when the database is there',
  },
  node: {
    postgres_version: 'use the field postgres_version of the database',
    cpus: 'remove it, and tune Postgres through postgresql_conf',
    memory: 'remove it, and tune Postgres through postgresql_conf',
    backup_config: BACKUPS,
    restore_config: BACKUPS,
    orchestrator_opts: 'remove it; pgctl runs no containers',
    source_node: ONE_NODE,
  },
  user: {},
} as const satisfies Record<Level, Readonly<Record<string, string>>>;

const LEVEL_NAMES: Readonly<Record<Level, string>> = {
  body: 'the request body',
  database: 'the database',
  node: 'a node',
  user: 'a user',
};

/** Names that people try, too far from the right one to be found by their letters. */
const MEANT: Readonly<Record<string, string>> = {
  hosts: 'host_ids',
  users: 'database_users',
  user: 'username',
  owner: 'db_owner',
  version: 'postgres_version',
  database: 'database_name',
  parameters: 'postgresql_conf',
};

/** The fields each level has. */
export type KnownFields = Readonly<Record<Level, readonly string[]>>;

/** What is wrong with a field that a level does not have: not supported yet, misspelt, misplaced, or unknown. */
export function unknownField(level: Level, name: string, known: KnownFields): string {
  const unsupported: Readonly<Record<string, string>> = UNSUPPORTED[level];
  if (Object.hasOwn(unsupported, name)) return `not supported yet; ${unsupported[name]}`;
  const others = (Object.keys(known) as Level[]).filter((other) => known[other].includes(name));
  const meant = Object.hasOwn(MEANT, name) ? MEANT[name]! : name;
  const hint = didYouMean(meant, [...known[level], ...Object.keys(unsupported)]);
  if (hint !== '') return `unknown field; ${hint}`;
  if (others.length > 0)
    return `unknown field here; it belongs to ${oneOf(others.map((other) => LEVEL_NAMES[other]))}`;
  return `unknown field; ${LEVEL_NAMES[level]} has ${known[level].join(', ')}`;
}
