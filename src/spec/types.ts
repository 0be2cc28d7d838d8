import type { JsonObject } from '../json.ts';
import type { Secret } from '../secret.ts';

/** A Postgres user of a database, as the user of pgctl described it. */
export interface UserSpec {
  readonly username: string;
  /** Absent: unchanged on update, no password on create. */
  readonly password?: Secret;
  readonly db_owner: boolean;
  /** Such as `LOGIN`, `CREATEDB`; upper case, in the order given. */
  readonly attributes: readonly string[];
  /** Roles that this one becomes a member of. */
  readonly roles: readonly string[];
}

/** One Patroni cluster: the first host holds the initial primary. Values here are merged over the database's. */
export interface NodeSpec {
  readonly name: string;
  readonly host_ids: readonly string[];
  readonly port?: number;
  readonly patroni_port?: number;
  readonly postgresql_conf: Readonly<Record<string, string>>;
  readonly pg_hba_conf: readonly string[];
  readonly pg_ident_conf: readonly string[];
}

/** A database as it is wanted, after validation and defaults. */
export interface DatabaseSpec {
  readonly id: string;
  readonly tenant_id?: string;
  readonly database_name: string;
  /** As given: `17` or `17.4`. Absent: the newest major that all hosts have. */
  readonly postgres_version?: string;
  readonly port?: number;
  readonly patroni_port?: number;
  readonly nodes: readonly NodeSpec[];
  readonly database_users: readonly UserSpec[];
  /** Values as text; numbers and booleans of the spec are written the way Postgres reads them. */
  readonly postgresql_conf: Readonly<Record<string, string>>;
  readonly pg_hba_conf: readonly string[];
  readonly pg_ident_conf: readonly string[];
}

/**
 * The spec as it is stored and shown, which `-f` takes back: what the user wrote, complete with its id and
 * without any secret.
 */
export type StoredSpec = JsonObject;

/** Where a value of a spec stands in its file, for errors found later than reading (an unregistered host, a taken port). */
export interface SpecPositions {
  /** `line:column` of a path such as `nodes[0].host_ids[1]`; of its nearest parent where the path itself is not in the file. */
  at(path: string): { readonly line: number; readonly column: number };
  /** The file's name as the user gave it, `-` for standard input, or a word such as `command line`. */
  readonly file: string;
}

/** One thing that is wrong in a spec. */
export interface SpecIssue {
  /** Such as `nodes[0].host_ids[1]`. */
  readonly path: string;
  /** What is wrong; what would be right. */
  readonly message: string;
}
