import type { LiveCluster } from './live.ts';
import type { DatabaseState, InstanceState } from './states.ts';
import type { LockRecord, TaskRecord } from './types.ts';

/** Something that is not as it should be, and what to do about it. */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'info';
  /** What it is about: a database, an instance, a Patroni scope, or a key of etcd. */
  readonly subject: string;
  readonly message: string;
  /** The command or the deed that mends it; null where nothing needs to be done. */
  readonly remedy: string | null;
}

/** What findings need to know of an instance, as it is shown. */
export interface SeenInstance {
  readonly instance_id: string;
  readonly database_id: string;
  readonly host_id: string;
  readonly node_name: string;
  readonly state: InstanceState;
  readonly role: 'primary' | 'replica' | null;
  readonly pending_restart: boolean;
  readonly lag_bytes: number | null;
  readonly timeline?: number | null;
  /** False: stopped on request. */
  readonly running?: boolean;
  readonly error: string | null;
}

/** What findings need to know of a database, as it is shown. */
export interface SeenDatabase {
  readonly id: string;
  readonly state: DatabaseState;
  readonly error: string | null;
  readonly last_task_id: string | null;
  readonly instances: readonly SeenInstance[];
  /** Of a record that is in progress while nobody works on it. */
  readonly interrupted?: { readonly task_id: string; readonly who: string };
}

/** Everything that findings are derived from, as of one moment. */
export interface Fleet {
  readonly databases: readonly SeenDatabase[];
  /** By scope, `<database>.<node>`. */
  readonly clusters: ReadonlyMap<string, LiveCluster>;
  /** Who works on which database. */
  readonly locks: ReadonlyMap<string, LockRecord>;
  /** The last tasks of the databases, by id, as far as they are not available. */
  readonly tasks: ReadonlyMap<string, TaskRecord>;
  /** Values in etcd that cannot be read. */
  readonly corrupt: readonly { readonly key: string; readonly problem: string }[];
  /** Where Patroni's keys are in etcd, with a slash at the end. */
  readonly patroniNamespace: string;
}
