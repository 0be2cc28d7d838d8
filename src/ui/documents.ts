import type { ErrorCode } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { PlanDocument } from '../plan/summary.ts';
import type { DatabaseState, InstanceState, TaskState } from '../records/states.ts';
import type { HostFacts, RunOrigin, SshSettings, TaskEventRecord, TaskRecord, Timestamp } from '../records/types.ts';

/** Who left a record in progress: a run that died. */
export interface Interrupted {
  readonly task_id: string;
  readonly who: string;
  readonly from: RunOrigin;
  readonly since: Timestamp;
}

export interface InstanceDocument {
  readonly kind: 'Instance';
  readonly instance_id: string;
  readonly database_id: string;
  readonly host_id: string;
  readonly node_name: string;
  readonly state: InstanceState;
  readonly role: 'primary' | 'replica' | null;
  readonly address: string | null;
  readonly port: number;
  readonly patroni_port: number;
  readonly postgres_version: string | null;
  readonly pending_restart: boolean;
  readonly lag_bytes: number | null;
  readonly timeline: number | null;
  readonly running: boolean;
  readonly error: string | null;
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
  readonly interrupted?: Interrupted;
}

export interface InstanceListDocument {
  readonly kind: 'InstanceList';
  readonly items: readonly InstanceDocument[];
}

export interface DatabaseDocument {
  readonly kind: 'Database';
  readonly id: string;
  readonly state: DatabaseState;
  readonly spec: JsonObject;
  readonly uid: string;
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
  readonly error: string | null;
  readonly instances: readonly InstanceDocument[];
  readonly last_task_id: string | null;
  readonly interrupted?: Interrupted;
}

export interface DatabaseListDocument {
  readonly kind: 'DatabaseList';
  readonly items: readonly Omit<DatabaseDocument, 'spec'>[];
}

export interface HostDocument {
  readonly kind: 'Host';
  readonly id: string;
  readonly address: string;
  readonly state: 'reachable' | 'unreachable' | 'unusable' | 'unknown';
  readonly advertise: string | null;
  readonly ssh: SshSettings;
  readonly base_dir: string;
  readonly service_manager: 'systemd' | 'process';
  readonly facts: HostFacts | null;
  readonly labels: Readonly<Record<string, string>>;
  /** What is missing on it, a sentence each; only where it was just looked at. */
  readonly findings: readonly string[];
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
}

export interface HostListDocument {
  readonly kind: 'HostList';
  readonly items: readonly HostDocument[];
}

export type TaskDocument = { readonly kind: 'Task'; readonly state: TaskState } & Omit<TaskRecord, 'databases'>;

export interface TaskListDocument {
  readonly kind: 'TaskList';
  readonly items: readonly TaskDocument[];
}

/** The journal of a task, in the order it was written. */
export interface TaskLogDocument {
  readonly kind: 'TaskLog';
  readonly task_id: string;
  readonly items: readonly TaskEventRecord[];
}

/** What a command that changes something did; `task` is null where nothing was to be done. */
export interface TaskResultDocument {
  readonly kind: 'TaskResult';
  readonly task: TaskDocument | null;
  readonly database?: DatabaseDocument;
}

/** What runs of pgctl's own on this machine. */
export interface LocalDocument {
  readonly kind: 'Local';
  readonly etcd: 'up' | 'down' | 'absent';
  readonly endpoint: string | null;
  readonly hosts: readonly string[];
  readonly databases: readonly string[];
}

export interface SpecDocument {
  readonly kind: 'Spec';
  readonly id: string;
  readonly spec: JsonObject;
}

export interface ErrorDocument {
  readonly kind: 'Error';
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
  readonly retriable: boolean;
  readonly task_id?: string;
  readonly details?: readonly string[];
}

/** Everything that goes to stdout as one document. */
export type Document =
  | DatabaseDocument
  | DatabaseListDocument
  | InstanceDocument
  | InstanceListDocument
  | HostDocument
  | HostListDocument
  | TaskDocument
  | TaskListDocument
  | TaskLogDocument
  | TaskResultDocument
  | LocalDocument
  | SpecDocument
  | PlanDocument
  | ErrorDocument;
