import { PgctlError } from '../errors.ts';
import { MAX_WRITES } from './commit.ts';
import { sizeOf, type Write } from './write.ts';

/** etcd takes 1.5 MiB per request unless told otherwise. */
const MAX_BYTES = 1024 * 1024;

/** The writes of one commit. */
export type Chunk = readonly Write[];

/**
 * Splits writes into commits that etcd takes, in their order. `last` stays together in the final one; it
 * holds what makes the others count. Everything is in a single commit where that has room.
 */
export function chunksOf(writes: readonly Write[], last: readonly Write[]): readonly Chunk[] {
  const chunks: Write[][] = [];
  let chunk: Write[] = [];
  let size = 0;
  const hasRoom = (more: number, bytes: number): boolean =>
    chunk.length + more <= MAX_WRITES && size + bytes <= MAX_BYTES;
  for (const write of writes) {
    const bytes = sizeOf(write);
    if (chunk.length > 0 && !hasRoom(1, bytes)) {
      chunks.push(chunk);
      chunk = [];
      size = 0;
    }
    chunk.push(write);
    size += bytes;
  }
  if (hasRoom(last.length, total(last))) return [...chunks, [...chunk, ...last]];
  return [...chunks, chunk, [...last]];
}

function total(writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + sizeOf(write), 0);
}

/** More writes than etcd takes at once, by what may become of them. */
export interface ManyWrites {
  /** What somebody else can have refused, such as reservations. */
  readonly contested: readonly Write[];
  /** Puts that nobody but the holder of the lock makes, each of what is as it was read. */
  readonly own: readonly Write[];
  /** What makes the others count. */
  readonly last: readonly Write[];
}

/** The commits of many writes: those that go in order, those that may go side by side after them, and the last. */
export interface Stages {
  readonly first: readonly Chunk[];
  readonly beside: readonly Chunk[];
  readonly last: Chunk;
}

/** @throws PgctlError `internal` for an own write that could be carried out twice */
export function stagesOf({ contested, own, last }: ManyWrites): Stages {
  if (!own.every(isOnce)) {
    throw new PgctlError('internal', 'a write that can be carried out twice cannot go beside others');
  }
  const chunks = chunksOf([...contested, ...own], last);
  const before = chunks.slice(0, -1);
  let ordered = 0;
  for (let left = contested.length; left > 0 && ordered < before.length; ordered++) {
    left -= before[ordered]?.length ?? 0;
  }
  return { first: before.slice(0, ordered), beside: before.slice(ordered), last: chunks.at(-1) ?? last };
}

/** Whether a second copy of a write is refused by what the first one wrote. */
function isOnce(write: Write): boolean {
  return write.kind === 'put' && write.expect !== 'any' && write.expect !== 'present';
}
