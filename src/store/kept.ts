import * as z from 'zod';
import type { OperationOutcome } from '../records/outcome.ts';
import type { TaskRecord, Timestamp } from '../records/types.ts';
import type { Keys } from './keys.ts';
import type { Write } from './write.ts';

/** What an operation did and etcd could not be told: its results, and how it ended. It holds no secrets. */
export interface KeptTask {
  readonly format: typeof FORMAT;
  readonly store_id: string;
  readonly database_id: string;
  readonly task_id: string;
  readonly kept_at: Timestamp;
  /** One for each event whose outcome is not written, in the order of the journal. */
  readonly results: readonly KeptResult[];
  readonly end: {
    readonly outcome: Exclude<OperationOutcome, 'succeeded'>;
    readonly reason: string;
    /** What went wrong with each instance that an event was begun for. */
    readonly reached: Readonly<Record<string, string>>;
    readonly events: TaskRecord['events'];
  };
}

export interface KeptResult {
  /** Of its entry in the journal. */
  readonly seq: number;
  /** The entry, the resource's new state and the instance's record, each with what it takes for granted. */
  readonly writes: readonly KeptWrite[];
}

/** A write of one key; a file can bring about no other. */
export type KeptWrite = Extract<Write, { readonly kind: 'put' | 'delete' }>;

const FORMAT = 1;

const expect = z.union([
  z.strictObject({ modRevision: z.string() }),
  z.literal(['absent', 'present', 'any']),
]);

const schema: z.ZodType<KeptTask> = z.strictObject({
  format: z.literal(FORMAT),
  store_id: z.string(),
  database_id: z.string(),
  task_id: z.string(),
  kept_at: z.string(),
  results: z.array(
    z.strictObject({
      seq: z.number().int().min(0),
      writes: z.array(
        z.discriminatedUnion('kind', [
          z.strictObject({ kind: z.literal('put'), key: z.string(), value: z.string(), expect }),
          z.strictObject({ kind: z.literal('delete'), key: z.string(), expect }),
        ]),
      ),
    }),
  ),
  end: z.strictObject({
    outcome: z.enum(['failed', 'canceled', 'unknown']),
    reason: z.string(),
    reached: z.record(z.string(), z.string()),
    events: z.strictObject({
      total: z.number(),
      done: z.number(),
      failed: z.number(),
      not_reached: z.number(),
    }),
  }),
});

export function encodeKept(kept: Omit<KeptTask, 'format'>): string {
  return `${JSON.stringify({ format: FORMAT, ...kept })}\n`;
}

/** Null for what is not whole, or was kept by another version. */
export function decodeKept(text: string): KeptTask | null {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Whether all writes are of the journal of that task, and of what operations record of that database. */
export function isOwn({ task_id: task, database_id: database, results }: KeptTask, keys: Keys): boolean {
  const prefixes = [
    keys.taskEvents(task),
    keys.resourcesOf(database),
    keys.instancesOf(database),
    keys.statusesOf(database),
  ];
  return results.every(({ writes }) =>
    writes.every(({ key }) => prefixes.some((prefix) => key.startsWith(prefix))),
  );
}
