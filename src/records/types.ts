import type { Json, JsonObject } from '../json.ts';
import type { DatabaseState, InstanceState, TaskState } from './states.ts';

/** Times in records are RFC 3339 in UTC with milliseconds. */
export type Timestamp = string;

/** `/v1/meta`: what this store is. */
export interface MetaRecord {
  readonly format: number;
  /** Random; a store that was made anew or restored gets another, so that hosts tell them apart. */
  readonly store_id: string;
  /** Of the key that seals this store's secrets; hex SHA-256, cut. */
  readonly sealing_key_fingerprint: string;
}

export interface SshSettings {
  readonly user: string | null;
  readonly port: number | null;
  readonly identity_file: string | null;
}

/** What pgctl found on a host; gathered by `host add` and `host check`. */
export interface HostFacts {
  readonly os: string;
  readonly kernel: string;
  readonly hostname: string;
  readonly machine_id: string | null;
  readonly cpus: number;
  readonly memory_bytes: number;
  /** Free where the base directory is or will be. */
  readonly disk_free_bytes: number;
  readonly disk_total_bytes: number;
  /** How steps become root there: as the login user itself, by `sudo -n`, or not at all. */
  readonly privileges: 'root' | 'sudo' | 'none';
  /** The account Postgres runs under. */
  readonly run_user: string;
  readonly run_user_home: string | null;
  /** Host's clock minus pgctl's, in seconds; precise to the round trip only. */
  readonly clock_skew_seconds: number;
  /** Newest first. */
  readonly postgres: readonly { readonly version: string; readonly bin_dir: string }[];
  readonly patroni: { readonly version: string; readonly path: string; readonly python: string } | null;
  readonly systemd: boolean;
  readonly gathered_at: Timestamp;
}

/** `/v1/hosts/<host>` */
export interface HostRecord {
  readonly host_id: string;
  /** As given: a name or address for ssh, or `local` for the machine pgctl runs on. */
  readonly address: string;
  /** What the other members of a node reach this host's Postgres at; the address where it was not given. */
  readonly advertise: string | null;
  readonly ssh: SshSettings;
  /** Accepted host keys, as in a known_hosts line without its first column: `ssh-ed25519 AAAA…`. */
  readonly host_keys: readonly string[];
  readonly service_manager: 'systemd' | 'process';
  readonly base_dir: string;
  /** etcd as this host reaches it, where that differs from how pgctl does. */
  readonly host_endpoints: readonly string[] | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: HostFacts | null;
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
}

/** `/v1/databases/<database>` */
export interface DatabaseRecord {
  readonly database_id: string;
  /** Complete with its id, without secrets. */
  readonly spec: JsonObject;
  readonly state: DatabaseState;
  /** Random; tells this database from an earlier one of the same id. */
  readonly uid: string;
  readonly last_task_id: string | null;
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
  readonly error: string | null;
}

/** `/v1/instances/<database>/<instance>`; made and removed by operations, never by the instance resource. */
export interface InstanceRecord {
  readonly instance_id: string;
  readonly database_id: string;
  readonly host_id: string;
  readonly node_name: string;
  readonly state: InstanceState;
  readonly port: number;
  readonly patroni_port: number;
  readonly postgres_version: string | null;
  /** False: stopped on request, and an update leaves it so. */
  readonly running: boolean;
  /** When a restart was last asked for; a new value is what makes one happen. */
  readonly restart_requested: Timestamp | null;
  readonly error: string | null;
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
}

/** `/v1/instance_statuses/<database>/<instance>`: what an operation last saw; a missing one is normal. */
export interface InstanceStatusRecord {
  readonly instance_id: string;
  readonly server_version: string | null;
  readonly pending_restart: boolean;
  readonly pending_restart_reason: string | null;
  readonly started_at: Timestamp | null;
  readonly observed_at: Timestamp;
}

/** `/v1/guards/<instance>`: what a unit asks before it starts Patroni. */
export interface GuardRecord {
  readonly database_uid: string;
  readonly allowed: boolean;
}

/** `/v1/ports/<host>/<port>` */
export interface PortRecord {
  readonly instance_id: string;
}

/** Who runs an operation and where; enough to tell whether it still does. */
export interface RunOrigin {
  readonly host: string;
  readonly boot_id: string;
  readonly pid: number;
}

/** `/v1/locks/databases/<database>`, under a lease. */
export interface LockRecord {
  readonly who: string;
  readonly from: RunOrigin;
  readonly command: string;
  readonly task_id: string;
  readonly since: Timestamp;
}

export const TASK_SCOPES = ['database', 'instance', 'host'] as const;

/** `/v1/tasks/<task>`: one run of one operation. */
export interface TaskRecord {
  readonly task_id: string;
  readonly operation: string;
  readonly scope: (typeof TASK_SCOPES)[number];
  readonly entity_id: string;
  /** Databases that this task works on. */
  readonly databases: readonly string[];
  readonly state: TaskState;
  readonly error: string | null;
  readonly who: string;
  readonly from: RunOrigin;
  readonly started_at: Timestamp;
  readonly finished_at: Timestamp | null;
  readonly events: {
    readonly total: number;
    readonly done: number;
    readonly failed: number;
    readonly not_reached: number;
  };
}

/** `/v1/task_events/<task>/<seq>`: the journal; an intent before each event, its outcome after. */
export interface TaskEventRecord {
  readonly seq: number;
  readonly at: Timestamp;
  readonly plan: number;
  readonly phase: number;
  readonly type: string;
  readonly resource: string;
  readonly host_id: string | null;
  readonly step: 'intent' | 'ok' | 'failed' | 'unknown';
  /** Of what the event was to make, so that a resume can tell whether that is still wanted. */
  readonly input_hash: string;
  readonly duration_ms: number | null;
  readonly error: string | null;
}

/** `/v1/task_logs/<task>/<seq>` */
export interface TaskLogRecord {
  readonly seq: number;
  readonly at: Timestamp;
  readonly host_id: string | null;
  readonly message: string;
  readonly fields: Readonly<Record<string, Json>>;
}
