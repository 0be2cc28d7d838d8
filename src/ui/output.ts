import { createInterface } from 'node:readline/promises';
import { stringify } from 'yaml';
import { ERRORS, PgctlError } from '../errors.ts';
import type { ProgressEvent } from './events.ts';
export interface Ui { report(e: ProgressEvent): void; result<D extends { kind: string }>(d: D, render: (d: D) => string): void; error(e: PgctlError): void; warn(m: string): void; ask(q: string, flag: string): Promise<string>; close(): void }
export function openUi(o: any): Ui {
  return {
    report: (e) => void (o.quiet || o.stderr.write(`${JSON.stringify(e).slice(0, 600)}\n`)),
    result: (d, render) => void o.stdout.write(o.format === 'json' ? `${JSON.stringify(d, null, 2)}\n` : o.format === 'yaml' ? stringify(d) : `${render(d)}\n`),
    error(e) {
      if (o.format !== 'text') o.stdout.write(`${JSON.stringify({ kind: 'Error', code: e.code, message: e.message, hint: e.hint ?? null, retriable: ERRORS[e.code].retriable, task_id: e.taskId, details: e.details }, null, 2)}\n`);
      else o.stderr.write(`error: ${e.message}\n${e.details.map((d) => `  ${d}\n`).join('')}hint: ${e.hint}\n${e.taskId ? `task: ${e.taskId}\n` : ''}${e.code === 'internal' ? (e.cause as Error)?.stack : ''}\n`);
    },
    warn: (m) => void o.stderr.write(`warning: ${m}\n`),
    async ask(q, flag) {
      if (!o.input || o.stdin.isTTY !== true) throw new PgctlError('confirmation_needed', `a confirmation is needed and there is nobody to ask`, { hint: `Give ${flag}.` });
      const rl = createInterface({ input: o.stdin, output: o.stderr });
      try { return await rl.question(q); } finally { rl.close(); }
    },
    close: () => undefined,
  };
}
