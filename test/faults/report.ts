import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where a run of the suite notes what it did, one JSON object a line; see `table.ts`. */
export const REPORT = fileURLToPath(new URL('../../coverage/faults.jsonl', import.meta.url));

/** Faults of one kind that were injected, and survived: a test that saw one not survived has failed before. */
export interface FaultCount {
  readonly what: string;
  readonly injected: number;
}

export function noteFaults(counts: readonly FaultCount[]): void {
  mkdirSync(dirname(REPORT), { recursive: true });
  for (const count of counts) appendFileSync(REPORT, `${JSON.stringify(count)}\n`);
}
