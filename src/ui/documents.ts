import type { ErrorCode } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { PlanDocument } from '../plan/summary.ts';
import type { Finding } from '../records/fleet.ts';
import type { DatabaseState, InstanceState, TaskState } from '../records/states.ts';
import type {
  HostFacts,
  HostRecord,
  RunOrigin,
  SshSettings,
  TaskEventRecord,
  TaskLogRecord,
  TaskRecord,
  Timestamp,
} from '../records/types.ts';

export type { PlanDocument } from '../plan/summary.ts';
export type { Finding } from '../records/fleet.ts';

// What `-o json` and `-o yaml` print. People script against these: fields are added, never renamed or removed.

/** Of a record that is in progress while nobody works on it: the run that left it so. */
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
  /** Null where it does not serve, or nobody knows. */
  readonly role: 'primary' | 'replica' | null;
  /** What clients and members reach it at; null where its host is not registered any more. */
  readonly address: string | null;
  readonly port: number;
  readonly patroni_port: number;
  readonly postgres_version: string | null;
  readonly pending_restart: boolean;
  /** How far it is behind the primary; null where that is not known. */
  readonly lag_bytes: number | null;
  readonly timeline?: number | null;
  /** False: stopped on request. */
  readonly running?: boolean;
  readonly error: string | null;
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
  readonly interrupted?: Interrupted;
}

export interface InstanceListDocument {
  readonly kind: 'InstanceList';
  readonly items: readonly InstanceDocument[];
}

/** What an instance said, oldest first. */
export interface InstanceLogsDocument {
  readonly kind: 'InstanceLogs';
  readonly instance_id: string;
  readonly lines: readonly string[];
}

export interface DatabaseDocument {
  readonly kind: 'Database';
  readonly id: string;
  readonly state: DatabaseState;
  /** Complete with its id, without secrets, so that `-f` takes it back. */
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

/** `unknown` where nobody looked just now. */
export type HostState = 'reachable' | 'unreachable' | 'unusable' | 'unknown';

export interface HostDocument {
  readonly kind: 'Host';
  readonly id: string;
  readonly address: string;
  readonly state: HostState;
  readonly advertise?: string | null;
  readonly ssh?: SshSettings;
  readonly base_dir?: string;
  readonly service_manager: HostRecord['service_manager'];
  readonly facts: HostFacts | null;
  readonly labels: Readonly<Record<string, string>>;
  /** What a look at it found missing or wrong. */
  readonly findings?: readonly string[];
  readonly created_at: Timestamp;
  readonly updated_at: Timestamp;
}

export interface HostListDocument {
  readonly kind: 'HostList';
  readonly items: readonly HostDocument[];
}

/** A plan that was saved for `db apply`. */
export interface SavedPlanDocument extends PlanDocument {
  readonly saved_to: string;
}

/** A rehearsal that spans databases. */
export interface PlanListDocument {
  readonly kind: 'PlanList';
  readonly items: readonly PlanDocument[];
}

export interface TaskDocument {
  readonly kind: 'Task';
  readonly task_id: string;
  readonly operation: string;
  readonly scope: TaskRecord['scope'];
  readonly entity_id: string;
  readonly state: TaskState;
  readonly error: string | null;
  readonly who: string;
  readonly from: RunOrigin;
  readonly started_at: Timestamp;
  readonly finished_at: Timestamp | null;
  readonly events: TaskRecord['events'];
  readonly interrupted?: Interrupted;
}

export interface TaskListDocument {
  readonly kind: 'TaskList';
  readonly items: readonly TaskDocument[];
}

/** What a task did, oldest first: its journal, and what its steps said. */
export interface TaskLogDocument {
  readonly kind: 'TaskLog';
  readonly task_id: string;
  readonly items: readonly (TaskEventRecord | TaskLogRecord)[];
}

/** What a command that changes something ends with. */
export interface TaskResultDocument {
  readonly kind: 'TaskResult';
  /** False where there was nothing to do; the task is then the last one of the database. */
  readonly changed: boolean;
  /** Null where that task is no longer kept. */
  readonly task: TaskDocument | null;
  readonly database?: DatabaseDocument;
  readonly instance?: InstanceDocument;
  /** Of an operation on several databases: how each of them came out. */
  readonly databases?: readonly {
    readonly id: string;
    /** Null for one that is gone. */
    readonly state: DatabaseState | null;
    readonly error: string | null;
  }[];
}

export interface StatusDocument {
  readonly kind: 'Status';
  readonly databases: readonly DatabaseDocument[];
  readonly findings: readonly Finding[];
}

export interface DoctorReportDocument {
  readonly kind: 'DoctorReport';
  readonly findings: readonly Finding[];
  /** How much was looked at. */
  readonly checked: {
    readonly endpoints: number;
    readonly hosts: number;
    readonly databases: number;
  };
}

/** One cluster of `config.yaml`, and the settings that hold with it. */
export interface ContextDocument {
  readonly kind: 'Context';
  /** Null where no context is in use. */
  readonly name: string | null;
  /** Whether it is the one that is in use. */
  readonly current: boolean;
  /** What says that it is in use; null where nothing does. */
  readonly from: string | null;
  readonly file: string;
  readonly settings: readonly SettingDocument[];
}

/** A setting, and who gave it. Passwords are no settings: only the file of one is. */
export interface SettingDocument {
  readonly name: string;
  /** Null where there is none. */
  readonly value: string | null;
  readonly source: 'flag' | 'environment' | 'context' | 'default';
  /** The flag, the variable or the context; of a default what would give another. */
  readonly from: string | null;
}

export interface ContextListDocument {
  readonly kind: 'ContextList';
  readonly file: string;
  readonly items: readonly {
    readonly kind: 'Context';
    readonly name: string;
    readonly current: boolean;
    /** As the file has them; empty where they are not usable, and `error` says why. */
    readonly settings: Readonly<Record<string, string>>;
    readonly error: string | null;
  }[];
}

/** What runs of pgctl's own on this machine. */
export interface LocalDocument {
  readonly kind: 'Local';
  readonly etcd: 'up' | 'down' | 'absent';
  readonly endpoint: string | null;
  readonly hosts: readonly string[];
  readonly databases: readonly string[];
}

/** A spec that is valid. */
export interface SpecDocument {
  readonly kind: 'Spec';
  readonly id: string;
  /** Without secrets. */
  readonly spec: JsonObject;
}

/** A page of help. */
export interface HelpDocument {
  readonly kind: 'Help';
  readonly topic: string;
  readonly text: string;
}

export interface ErrorDocument {
  readonly kind: 'Error';
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
  /** Whether the same command can succeed with nothing else changed. */
  readonly retriable: boolean;
  readonly task_id?: string;
  readonly details?: readonly string[];
}

/** Every document there is. */
export type PgctlDocument =
  | InstanceDocument
  | InstanceListDocument
  | InstanceLogsDocument
  | DatabaseDocument
  | DatabaseListDocument
  | HostDocument
  | HostListDocument
  | PlanDocument
  | PlanListDocument
  | TaskDocument
  | TaskListDocument
  | TaskLogDocument
  | TaskResultDocument
  | StatusDocument
  | DoctorReportDocument
  | ContextDocument
  | ContextListDocument
  | LocalDocument
  | SpecDocument
  | HelpDocument
  | ErrorDocument;
