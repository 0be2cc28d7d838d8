import type { Json } from '../json.ts';
import { isFinal, TASK_STATES } from '../records/states.ts';
import { TASK_SCOPES, type TaskEventRecord, type TaskLogRecord, type TaskRecord } from '../records/types.ts';
import { decode, type Codec, type Listing, type Stored } from './codec.ts';
import { chunksOf } from './chunks.ts';
import { commitUnlocked } from './commit.ts';
import type { Keys } from './keys.ts';
import type { Kv } from './kv.ts';
import { Records } from './records.ts';
import {
  arrayOf,
  integer,
  json,
  mapOf,
  namesOf,
  nullable,
  number,
  object,
  oneOf,
  originShape,
  type Shape,
  string,
} from './shapes.ts';
import { putRecord, type Expect, type Write } from './write.ts';

const count = integer(0);

const taskShape: Shape<TaskRecord> = object({
  task_id: string,
  operation: string,
  scope: oneOf(TASK_SCOPES),
  entity_id: string,
  databases: arrayOf(string),
  state: oneOf(namesOf(TASK_STATES)),
  error: nullable(string),
  who: string,
  from: originShape,
  started_at: string,
  finished_at: nullable(string),
  events: object({ total: count, done: count, failed: count, not_reached: count }),
});

const eventShape: Shape<TaskEventRecord> = object({
  seq: count,
  at: string,
  plan: count,
  phase: count,
  type: string,
  resource: string,
  host_id: nullable(string),
  step: oneOf(['intent', 'ok', 'failed', 'unknown']),
  input_hash: string,
  duration_ms: nullable(number),
  error: nullable(string),
});

const logShape: Shape<TaskLogRecord> = object({
  seq: count,
  at: string,
  host_id: nullable(string),
  message: string,
  fields: mapOf(json),
});

/** Somebody's wish that a task stops. */
export type CancelRequest = Pick<TaskRecord, 'who' | 'from'> & { readonly at: string };

const cancelCodec: Codec<CancelRequest> = {
  shape: object({ who: string, from: originShape, at: string }),
};

const planCodec: Codec<Json> = { shape: json };

/** Letters and digits that are not taken for one another: no i, l, o or u. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const RANDOM_CHARACTERS = 6;

/**
 * A task's id: the time it began, in UTC to the millisecond, and six random characters, such as
 * `20260412-101530123-k3f9qz`. Sorted as text, ids are in the order of their times.
 *
 * @param random at least six bytes
 */
export function newTaskId(now: Date, random: Uint8Array): string {
  const time = now.toISOString().replace(/[-:.Z]/g, '');
  const [date = '', clock = ''] = time.split('T');
  const tail = Array.from(
    { length: RANDOM_CHARACTERS },
    (_, index) => ALPHABET[(random[index] ?? 0) % ALPHABET.length],
  );
  return `${date}-${clock}-${tail.join('')}`;
}

export function taskCodec(
  keys: Keys,
): Codec<TaskRecord> & { readonly keyOf: (record: TaskRecord) => string } {
  return { shape: taskShape, keyOf: (task) => keys.task(task.task_id) };
}

/** Runs of operations: their records, plans, journals and logs. */
export class Tasks {
  readonly #kv: Kv;
  readonly #keys: Keys;
  readonly #records: Records<TaskRecord>;

  constructor(kv: Kv, keys: Keys) {
    this.#kv = kv;
    this.#keys = keys;
    this.#records = new Records(kv, taskCodec(keys));
  }

  get(task: string): Promise<Stored<TaskRecord> | null> {
    return this.#records.at(this.#keys.task(task));
  }

  /** Those of these tasks that are there. */
  getEach(tasks: readonly string[]): Promise<Listing<TaskRecord>> {
    return this.#records.atEach(tasks.map((task) => this.#keys.task(task)));
  }

  /** The newest `limit` tasks, newest first. */
  list(limit: number): Promise<Listing<TaskRecord>> {
    return this.#records.under(this.#keys.tasks(), { descending: true, limit });
  }

  write(task: TaskRecord, expect: Expect): Write {
    return this.#records.write(task, expect);
  }

  /** Writes a task that is of no one database, and so under no lock. Returns its record's new mod revision. */
  put(task: TaskRecord, expect: Expect): Promise<string> {
    return commitUnlocked(this.#kv, this.#keys, [this.write(task, expect)]);
  }

  writePlan(task: string, plan: Json, expect: Expect): Write {
    return { kind: 'put', key: this.#keys.taskPlan(task), value: JSON.stringify(plan), expect };
  }

  async getPlan(task: string): Promise<Json | null> {
    const found = await this.#kv.get(this.#keys.taskPlan(task));
    return found === null ? null : decode(planCodec, found).value;
  }

  /** One entry of the journal; none is ever written over. */
  writeEvent(task: string, event: TaskEventRecord): Write {
    return putRecord(this.#keys.taskEvent(task, event.seq), event, 'absent');
  }

  /** The journal from entry `from` on. */
  events(task: string, from = 0): Promise<Listing<TaskEventRecord>> {
    const keyOf = (event: TaskEventRecord): string => this.#keys.taskEvent(task, event.seq);
    const records = new Records(this.#kv, { shape: eventShape, keyOf });
    return records.under(
      this.#keys.taskEvents(task),
      from === 0 ? {} : { from: this.#keys.taskEvent(task, from) },
    );
  }

  /** Asks a run to stop, from wherever; it looks every second. Asking again changes nothing. */
  async requestCancel(task: string, request: CancelRequest): Promise<void> {
    await commitUnlocked(this.#kv, this.#keys, [putRecord(this.#keys.taskCancel(task), request, 'any')]);
  }

  /** Who asked for the task to stop; null where nobody did. */
  async cancelRequest(task: string): Promise<CancelRequest | null> {
    const found = await this.#kv.get(this.#keys.taskCancel(task));
    return found === null ? null : decode(cancelCodec, found).value;
  }

  /** Adds to a task's log, without its lock: lines are for people, and nothing is decided by them. */
  async appendLogs(task: string, lines: readonly TaskLogRecord[]): Promise<void> {
    const writes = lines.map((line) => putRecord(this.#keys.taskLog(task, line.seq), line, 'any'));
    for (const chunk of writes.length === 0 ? [] : chunksOf(writes, [])) {
      await commitUnlocked(this.#kv, this.#keys, chunk);
    }
  }

  /** The log from line `from` on. */
  async logs(task: string, from = 0): Promise<Listing<TaskLogRecord>> {
    const keyOf = (line: TaskLogRecord): string => this.#keys.taskLog(task, line.seq);
    const records = new Records(this.#kv, { shape: logShape, keyOf });
    return records.under(
      this.#keys.taskLogs(task),
      from === 0 ? {} : { from: this.#keys.taskLog(task, from) },
    );
  }

  /** Removes finished tasks, with their plans, journals and logs, beyond the newest `keep`. Returns how many. */
  async trim(keep: number): Promise<number> {
    const { items } = await this.#records.under(this.#keys.tasks(), { descending: true });
    const old = items.slice(keep).filter(({ value }) => isFinal(value.state));
    for (const stored of old) {
      const task = stored.value.task_id;
      await commitUnlocked(this.#kv, this.#keys, [
        this.#records.remove(stored),
        { kind: 'delete', key: this.#keys.taskPlan(task), expect: 'any' },
        { kind: 'delete', key: this.#keys.taskCancel(task), expect: 'any' },
        { kind: 'delete_prefix', prefix: this.#keys.taskEvents(task) },
        { kind: 'delete_prefix', prefix: this.#keys.taskLogs(task) },
      ]);
    }
    return old.length;
  }
}
