import type { Interrupted } from '../documents.ts';
import { formatTime } from '../quantity.ts';

/** The state, and that nobody is at work on it any more. */
export function stateText(state: string, interrupted: Interrupted | undefined): string {
  return interrupted === undefined ? state : `${state} (interrupted)`;
}

/** Who left it so, and what settles it. */
export function interruptedField(interrupted: Interrupted | undefined): string | null {
  if (interrupted === undefined) return null;
  const { task_id, who, from, since } = interrupted;
  return [
    `task ${task_id}, run by ${who} on ${from.host} (pid ${from.pid}) since ${formatTime(since)}, ended without an outcome`,
    `\`pgctl task resume ${task_id}\` settles it`,
  ].join('\n');
}
