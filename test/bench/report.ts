import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where a run of the benchmarks notes its figures, one JSON object a line; see `table.ts`. */
export const FIGURES = fileURLToPath(new URL('../../coverage/figures.jsonl', import.meta.url));

/** Two things that were measured in one run: milliseconds of pgctl, and of what it is held against. */
export interface Figure {
  readonly what: string;
  readonly against: string;
  readonly atMost: number;
  readonly oursMs: number;
  readonly theirsMs: number;
}

export function noteFigure(figure: Figure): void {
  mkdirSync(dirname(FIGURES), { recursive: true });
  appendFileSync(FIGURES, `${JSON.stringify(figure)}\n`);
}
