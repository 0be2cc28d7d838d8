/** Exit codes of the command-line contract. Scripts rely on them; never renumber. */
export const EXIT = {
  ok: 0,
  failed: 1,
  changes: 2,
  partial: 3,
  conflict: 4,
  notFound: 5,
  host: 6,
  etcd: 7,
  confirmation: 8,
  unknown: 9,
  usage: 64,
  timeout: 124,
  sighup: 129,
  sigint: 130,
  sigterm: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each exit code says, for the help and the README. */
export const EXIT_MEANINGS = {
  ok: 'done, or nothing to do',
  failed: 'the operation failed; its outcome is known and recorded',
  changes: '`db plan --detailed-exitcode`: there are changes',
  partial: '`recover`: some of several databases were recovered',
  conflict:
    'conflict: another operation holds the lock, the lock was lost, a record changed, or it exists already',
  notFound: 'no such database, instance, host or task',
  host: "a host cannot be reached or cannot be used; every host's findings are listed, and nothing was changed",
  etcd: 'etcd cannot be reached or refuses',
  confirmation: 'a confirmation is needed and there is nobody to ask',
  unknown: 'the outcome of a step is unknown; `pgctl task resume` settles it',
  usage: 'wrong usage or an invalid spec; nothing was touched',
  timeout: 'a time limit',
  sighup: 'ended by SIGHUP',
  sigint: 'ended by SIGINT, which is Ctrl-C',
  sigterm: 'ended by SIGTERM',
} as const satisfies Record<keyof typeof EXIT, string>;

interface ErrorKind {
  readonly exit: ExitCode;
  /** Whether running the same command again, with nothing else changed, can succeed. */
  readonly retriable: boolean;
}

/**
 * Every code an error of pgctl can carry, with the exit code it ends in. Scripts match on these codes in
 * `-o json`, so a code keeps its meaning once it is here.
 */
export const ERRORS = {
  /** The command line itself is wrong. */
  usage: { exit: EXIT.usage, retriable: false },
  /** The spec is not readable, not valid, or names something pgctl does not know. */
  invalid_spec: { exit: EXIT.usage, retriable: false },
  /** A database, instance, host or task that is asked for does not exist. */
  not_found: { exit: EXIT.notFound, retriable: false },
  /** The thing to be made is there already, and differs from what was asked for. */
  already_exists: { exit: EXIT.conflict, retriable: false },
  /** Another operation holds the database's lock. */
  lock_held: { exit: EXIT.conflict, retriable: true },
  /** This operation's lock went to somebody else, or its lease could not be kept. */
  lock_lost: { exit: EXIT.conflict, retriable: true },
  /** A record changed between being read and being written. */
  stale: { exit: EXIT.conflict, retriable: true },
  /** A port of a host was taken by another database in the meantime. */
  port_taken: { exit: EXIT.conflict, retriable: false },
  /** A host is to be forgotten, and something is on it. */
  host_in_use: { exit: EXIT.conflict, retriable: false },
  /** A host that was removed while it was lost still has what pgctl made there. */
  host_not_clean: { exit: EXIT.conflict, retriable: false },
  /** A host does not answer. */
  host_unreachable: { exit: EXIT.host, retriable: true },
  /** A host that is said to be lost is not. */
  host_answers: { exit: EXIT.host, retriable: false },
  /** A host answers, but lacks something pgctl needs. */
  host_unusable: { exit: EXIT.host, retriable: false },
  /** etcd does not answer within its time. */
  etcd_unreachable: { exit: EXIT.etcd, retriable: true },
  /** etcd answers, and says no. */
  etcd_refused: { exit: EXIT.etcd, retriable: false },
  /** A value in etcd is not what pgctl wrote. */
  store_corrupt: { exit: EXIT.etcd, retriable: false },
  /** The store was written by a newer pgctl. */
  store_newer: { exit: EXIT.etcd, retriable: false },
  /** The key that seals secrets is missing here, or is another store's. */
  secret_key: { exit: EXIT.usage, retriable: false },
  /** A question has to be answered and there is nobody to ask. */
  confirmation_needed: { exit: EXIT.confirmation, retriable: false },
  /** The answer to the question was no. */
  not_confirmed: { exit: EXIT.confirmation, retriable: false },
  /** The desired state cannot be planned: a cycle, or a missing resource. */
  unplannable: { exit: EXIT.failed, retriable: false },
  /** An event of the plan failed; what happened is recorded. */
  operation_failed: { exit: EXIT.failed, retriable: true },
  /** Nobody knows whether a step on a host took effect. */
  outcome_unknown: { exit: EXIT.unknown, retriable: true },
  /** Somebody asked the operation to stop, with `pgctl task cancel`; what it did is recorded. */
  canceled: { exit: EXIT.failed, retriable: true },
  /** A time limit passed. */
  timeout: { exit: EXIT.timeout, retriable: true },
  /** SIGHUP, SIGINT and SIGTERM. */
  sighup: { exit: EXIT.sighup, retriable: true },
  sigint: { exit: EXIT.sigint, retriable: true },
  sigterm: { exit: EXIT.sigterm, retriable: true },
  /** A defect in pgctl itself. */
  internal: { exit: EXIT.failed, retriable: false },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorOptions {
  /** What the reader can do next, as a sentence or a command. */
  readonly hint?: string;
  /** Further findings, one a line for people, an array in JSON. */
  readonly details?: readonly string[];
  readonly taskId?: string;
  readonly cause?: unknown;
}

/** An error whose words are meant for the person who typed the command. */
export class PgctlError extends Error {
  override readonly name = 'PgctlError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: readonly string[];
  readonly taskId: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? [];
    this.taskId = options.taskId;
  }

  get exitCode(): ExitCode {
    return ERRORS[this.code].exit;
  }

  /** The same error, naming the task that it ended. */
  withTask(taskId: string): PgctlError {
    return new PgctlError(this.code, this.message, {
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      details: this.details,
      cause: this.cause,
      taskId,
    });
  }
}

/** Whatever was thrown, as an error of pgctl: anything not foreseen is a defect and says so. */
export function toPgctlError(thrown: unknown): PgctlError {
  if (thrown instanceof PgctlError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PgctlError('internal', `pgctl failed unexpectedly: ${message}`, {
    hint: 'This is a defect in pgctl. Please report it with the command and its output under -vv.',
    cause: thrown,
  });
}

/** For the default branch of a switch over a union: a new member is a compile error, not a silent miss. */
export function assertNever(value: never): never {
  throw new Error(`not foreseen: ${JSON.stringify(value)}`);
}
