import { type ErrorCode, EXIT, PgctlError } from '../errors.ts';
import type { Failure } from '../records/outcome.ts';
import type { TaskRecord } from '../records/types.ts';
import type { KeptTask } from '../store/kept.ts';
import { actionOf } from './lifecycle.ts';
import type { Reporter } from '../ui/events.ts';
import type { RunOutcome } from './run-plans.ts';
import type { Spool } from './spool.ts';

type Unsuccessful = Extract<RunOutcome, { kind: 'failed' | 'unknown' }>;

/** How an operation ended that did not succeed: for its records, and for who ran it. */
export interface UnsuccessfulEnd {
  readonly reason: string;
  readonly error: PgctlError;
}

/** What is said of an operation some events of which did not succeed, and of what told it to stop, if something did. */
export function unsuccessfulEnd(
  task: TaskRecord,
  outcome: Unsuccessful,
  stopped: PgctlError | null,
): UnsuccessfulEnd {
  const { operation, entity_id: id, task_id: taskId } = task;
  const details = outcome.ended.map(({ event, outcome: end }) => {
    const what = `${actionOf(event)} ${event.resource.id}`;
    return `${what}: ${end.kind === 'ok' ? '' : end.error}`;
  });
  const failed = `phase ${outcome.phase} ${outcome.kind === 'failed' ? 'failed' : 'has an unknown outcome'}: ${details[0] ?? ''}`;
  if (stopped !== null) {
    const error = new PgctlError(stopped.code, stopped.message, {
      details: [...stopped.details, ...details],
      ...(stopped.hint === undefined ? {} : { hint: stopped.hint }),
      taskId,
    });
    return { reason: `${stopped.message}; ${failed}`, error };
  }
  const what = outcome.kind === 'failed' ? 'failed' : 'has an unknown outcome';
  const where = outcome.ended.length === 0 ? '' : ` in phase ${outcome.phase}`;
  const error = new PgctlError(codeOf(outcome), `${operation} of ${id} ${what}${where}`, {
    details,
    hint: `Mend the cause and run the same command again, or remove what was made with \`pgctl db delete ${id}\`. \`pgctl task logs ${taskId}\` shows every step.`,
    taskId,
  });
  return { reason: failed, error };
}

function codeOf({ kind, ended }: Unsuccessful): ErrorCode {
  if (kind === 'unknown') return 'outcome_unknown';
  const timedOut = ended.every(({ outcome }) => outcome.kind === 'failed' && outcome.timedOut === true);
  return timedOut ? 'timeout' : 'operation_failed';
}

/** What a task ends as that did not complete. */
export function endOf(error: PgctlError, otherwise: 'failed' | 'unknown'): Failure['outcome'] {
  return error.code === 'canceled' && otherwise === 'failed' ? 'canceled' : otherwise;
}

/** What an operation ends with although its end could not be written: why it stopped matters more. */
const STAYS: ReadonlySet<ErrorCode> = new Set(['sigint', 'sigterm', 'sighup', 'canceled', 'outcome_unknown']);

/** An end that etcd did not take. */
export interface Unended {
  /** Why the operation ended. */
  readonly error: PgctlError;
  /** Why that could not be written. */
  readonly why: PgctlError;
  readonly kept: Omit<KeptTask, 'format'>;
  /** Whether an outcome on a host is unknown. */
  readonly anyUnknown: boolean;
}

/**
 * Keeps on this machine what etcd did not take, and returns the error that says so. Never fails: that nothing
 * can be kept must not hide what led to it.
 */
export async function keepUnended(spool: Spool, report: Reporter, unended: Unended): Promise<PgctlError> {
  const { error, why, kept } = unended;
  const lost = why.code === 'lock_lost';
  // Whoever has the lock now settles the records, and lacks no more than the results that are only here.
  const notes = lost && kept.results.length === 0 ? [] : [await keep(spool, kept)];
  for (const message of notes) report({ kind: 'warning', message });
  const told = lost ? why : error;
  const first = why.code === 'etcd_refused' ? `${why.hint ?? ''} Then` : 'When etcd answers again,';
  const again = `${first} run the same command again or \`pgctl task resume ${kept.task_id}\`; on this machine, it writes down first what is kept.`;
  return new PgctlError(unendedCode(unended), told.message, {
    details: [
      ...error.details,
      ...(why.message === told.message ? [] : [`its end could not be written: ${why.message}`]),
      ...notes,
    ],
    hint: lost ? (why.hint ?? again) : again,
    taskId: kept.task_id,
    cause: why,
  });
}

function unendedCode({ error, why, anyUnknown }: Unended): ErrorCode {
  if (why.code === 'lock_lost') return why.code;
  if (STAYS.has(error.code)) return error.code;
  if (anyUnknown) return 'outcome_unknown';
  return error.exitCode === EXIT.etcd ? error.code : why.code;
}

async function keep(spool: Spool, kept: Omit<KeptTask, 'format'>): Promise<string> {
  try {
    const file = await spool.keep(kept);
    return `what it did is kept in ${file}, for the next operation on ${kept.database_id} from here`;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return `what it did could not be kept on this machine either: ${why}`;
  }
}
