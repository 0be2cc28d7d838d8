import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { compare } from '../comparison.ts';

const PROGRAM = fileURLToPath(new URL('../plan-once.ts', import.meta.url));
const [SMALL, LARGE] = [1_000, 10_000];
const LIMITS = { milliseconds: 3_000, megabytes: 500 } as const;

/** A plan in a process of its own, as each command makes one: the milliseconds that it took. */
async function plan(what: string, instances: number): Promise<number> {
  const { stdout } = await execa('node', ['--import', 'tsx', PROGRAM, what, String(instances)]);
  const { milliseconds, megabytes } = JSON.parse(stdout) as Record<keyof typeof LIMITS, number>;
  expect(milliseconds).toBeLessThan(LIMITS.milliseconds);
  expect(megabytes).toBeLessThan(LIMITS.megabytes);
  return milliseconds;
}

it.each(['create', 'no-op', 'delete'])(
  'planning the %s of ten times as many takes twelve times as long at most',
  async (what) => {
    await compare({
      what: `plan of 10,000 instances, ${what}`,
      against: 'plan of 1,000',
      ...{ atMost: 12, rounds: 3, ours: () => plan(what, LARGE), theirs: () => plan(what, SMALL) },
    });
  },
);
