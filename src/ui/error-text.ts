import { inspect } from 'node:util';
import { ERRORS, type PgctlError } from '../errors.ts';
import { cleanText, indentRest } from './clean.ts';
import type { ErrorDocument } from './documents.ts';
import type { Theme } from './theme.ts';

/** For people: what happened, the details, what to do next, and the task. */
export function errorText(
  error: PgctlError,
  { theme, verbosity }: { theme: Theme; verbosity: number },
): string {
  return [
    `${theme.bad('error:')} ${indentRest(error.message)}`,
    ...error.details.map((detail) => `  ${indentRest(detail, '    ')}`),
    ...(verbosity >= 1 ? causes(error, verbosity) : []),
    ...(error.hint === undefined ? [] : [`${theme.accent('hint:')} ${indentRest(error.hint)}`]),
    ...(error.taskId === undefined ? [] : [`${theme.accent('task:')} ${cleanText(error.taskId)}`]),
  ].join('\n');
}

/** What was behind it, and behind that; with where in the code it was thrown from `-vv` on. */
function causes(error: Error, verbosity: number): string[] {
  const lines: string[] = [];
  if (verbosity >= 2) lines.push(`  ${indentRest(error.stack ?? '')}`);
  const seen = new Set<unknown>([error]);
  for (let cause = error.cause; cause !== undefined && !seen.has(cause);) {
    seen.add(cause);
    if (!(cause instanceof Error)) {
      lines.push(`  caused by: ${indentRest(inspect(cause), '    ')}`);
      break;
    }
    lines.push(`  caused by: ${indentRest(verbosity >= 2 ? (cause.stack ?? '') : cause.message, '    ')}`);
    cause = cause.cause;
  }
  return lines;
}

/** The same for programs. */
export function errorDocument({ code, message, hint, details, taskId }: PgctlError): ErrorDocument {
  return {
    kind: 'Error',
    code,
    message,
    hint: hint ?? null,
    retriable: ERRORS[code].retriable,
    ...(taskId === undefined ? {} : { task_id: taskId }),
    ...(details.length === 0 ? {} : { details }),
  };
}
