import { readFileSync } from 'node:fs';
import type { LockRecord, RunOrigin } from '../records/types.ts';
import { decodeAll, type Codec } from './codec.ts';
import type { KeyValue } from './range.ts';
import { object, originShape, string } from './shapes.ts';

export const lockCodec: Codec<LockRecord> = {
  shape: object({
    who: string,
    from: originShape,
    command: string,
    task_id: string,
    since: string,
  }),
};

/** The record of who holds a lock; null where it cannot be read. */
export function readHolder(found: KeyValue): LockRecord | null {
  return decodeAll(lockCodec, [found]).items[0]?.value ?? null;
}

/** Who, from where, since when and with what, for a message. */
export function describeHolder(found: KeyValue): string {
  const holder = readHolder(found);
  if (holder === null) return `somebody whose record cannot be read (${found.key})`;
  const { who, from, since, command, task_id: task } = holder;
  return `${who} from ${from.host} (pid ${from.pid}) since ${since} for \`${command}\` (task ${task})`;
}

/** What stands for the boot where a system does not tell it: two of these are not the same boot. */
const NO_BOOT_ID: ReadonlySet<string> = new Set(['', 'unknown']);

/**
 * Whether the process that holds a lock ran on this machine, since its last boot, and is no more. False
 * wherever that is not certain: a pid that was given to another process keeps the lock until its lease ends.
 */
export function isDead(holder: RunOrigin, here: RunOrigin): boolean {
  if (holder.host !== here.host || holder.boot_id !== here.boot_id || NO_BOOT_ID.has(here.boot_id))
    return false;
  if (holder.pid === here.pid) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return isZombie(holder.pid);
}

/** A process that ended and whose parent has not asked for its status yet still has its pid. */
function isZombie(pid: number): boolean {
  try {
    // "pid (name) state …", and a name can hold parentheses.
    return /^ Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1').split(')').at(-1) ?? '');
  } catch {
    return false;
  }
}
