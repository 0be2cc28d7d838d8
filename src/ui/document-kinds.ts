import type { PgctlDocument } from './documents.ts';

/** Every kind of document that `-o json` prints, and when. */
export const DOCUMENT_KINDS = {
  Database: 'a database: its spec, state and instances',
  DatabaseList: 'databases, without their specs',
  Instance: 'a Postgres server: its state, role, address and lag',
  InstanceList: 'instances',
  InstanceLogs: 'what an instance said',
  Host: 'a machine: its address, facts and what it lacks',
  HostList: 'hosts',
  Plan: 'what an operation would do, per plan and phase; of `db plan` and `--dry-run`',
  PlanList: 'the same for several databases; of `recover --dry-run`',
  Task: 'one run of one operation',
  TaskList: 'tasks, newest first',
  TaskLog: 'what a task did and what its steps said',
  TaskResult: 'what a command that changes something ends with',
  Status: 'all databases, and what is wrong',
  DoctorReport: 'what is wrong anywhere, and what mends it',
  Context: 'a context, and where each setting comes from',
  ContextList: 'contexts',
  Local: 'what runs of pgctl on this machine',
  Spec: 'a valid spec, without its secrets',
  Help: 'a page of help',
  Error: 'how a command failed: code, message, hint, and whether trying again can help',
} as const satisfies Record<PgctlDocument['kind'], string>;
