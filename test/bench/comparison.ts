import { performance } from 'node:perf_hooks';
import { expect } from 'vitest';
import { noteFigure } from './report.ts';

/** What pgctl does, and what it is held against, as the table of the README has it. */
export interface Subject {
  readonly what: string;
  readonly against: string;
  /** How many times as long pgctl may take. */
  readonly atMost: number;
}

export interface Comparison extends Subject {
  readonly rounds: number;
  /** Each is one round: it returns what it took, in milliseconds, or nothing, and is timed as a whole. */
  readonly ours: Round;
  readonly theirs: Round;
}
type Round = () => Promise<number | void>;

/** Milliseconds of each round. */
export interface Taken {
  readonly ours: number[];
  readonly theirs: number[];
}

/** A busy machine does not make a test of it: only what is far off fails, and the table tells the figure in any case. */
const SLACK = 2;

/** In turns, so that what else the machine does falls on both alike. The first round warms up and does not count. */
export async function compare(comparison: Comparison): Promise<void> {
  const taken: Taken = { ours: [], theirs: [] };
  for (let round = 0; round <= comparison.rounds; round++) {
    const [theirs, ours] = [await timed(comparison.theirs), await timed(comparison.ours)];
    if (round === 0) continue;
    taken.theirs.push(theirs);
    taken.ours.push(ours);
  }
  judge(comparison, taken);
}

/** Notes the figure, and fails where it is far from what it has to be. */
export function judge({ what, against, atMost }: Subject, taken: Taken): void {
  const [oursMs, theirsMs] = [median(taken.ours), median(taken.theirs)];
  const ratio = oursMs / theirsMs;
  noteFigure({ what, against, atMost, oursMs, theirsMs });
  process.stdout.write(
    `${what}: ${oursMs.toFixed(0)} ms, ${ratio.toFixed(2)} times ${against} (${theirsMs.toFixed(0)} ms); at most ${atMost}\n`,
  );
  expect.soft(ratio, `${what} against ${against}`).toBeLessThan(atMost * SLACK);
}

/** Milliseconds that something took, or says it took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  const own = await work();
  return typeof own === 'number' ? own : performance.now() - since;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? NaN) + (sorted[Math.floor(half)] ?? NaN)) / 2;
}
