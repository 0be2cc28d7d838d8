import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { FailuresAtOnce } from './failures-at-once.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Tests that start an etcd, or stand in front of one. */
const STORE = ['test/store/**/*.test.ts'];
/** Tests with a real etcd and stand-ins for hosts, those that kill pgctl at every point among them. */
const POINTS = ['test/stand-in/**/*.test.ts', 'test/faults/points/**/*.test.ts'];
/** Tests on lab hosts. */
const LAB = ['test/lab/**/*.test.ts', 'test/e2e/**/*.test.ts', 'test/faults/lab/**/*.test.ts'];
/** Tests that measure, and those that take minutes at it: they are not part of `bin/test`. */
const BENCH = ['test/bench/quick/**/*.test.ts'];
const LONG_BENCH = ['test/bench/long/**/*.test.ts'];

/** Files that take minutes, the slowest first. One that began last would be waited for alone. */
const SLOW = [
  'test/faults/points/create-and-delete.test.ts',
  'test/e2e/lifecycle.test.ts',
  'test/e2e/recover.test.ts',
  'test/faults/lab/hosts.test.ts',
  'test/faults/points/recover.test.ts',
  'test/e2e/secrets.test.ts',
  'test/faults/lab/races.test.ts',
  'test/faults/points/update.test.ts',
  'test/faults/lab/kills.test.ts',
  'test/e2e/quickstart.test.ts',
  'test/faults/points/restart.test.ts',
  'test/e2e/create-show-delete.test.ts',
  'test/e2e/signals.test.ts',
  'test/e2e/etcd-away.test.ts',
];

class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = SLOW.indexOf(relative(root, moduleId));
      return at < 0 ? SLOW.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  root,
  test: {
    root,
    sequence: { sequencer: SlowestFirst },
    reporters: ['default', new FailuresAtOnce()],
    projects: [
      {
        test: {
          name: 'pure',
          root,
          include: ['test/**/*.test.ts'],
          exclude: [...STORE, ...POINTS, ...LAB, ...BENCH, ...LONG_BENCH],
          // Seconds, but on a machine that may be busy.
          testTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'store',
          root,
          include: STORE,
          testTimeout: 30_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      // One after another, for what is measured is not to share the machine.
      {
        test: {
          name: 'bench',
          root,
          include: BENCH,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'bench-long',
          root,
          include: LONG_BENCH,
          testTimeout: 600_000,
          hookTimeout: 300_000,
          maxWorkers: 1,
        },
      },
      {
        test: {
          name: 'points',
          root,
          include: POINTS,
          testTimeout: 900_000,
          hookTimeout: 60_000,
          // As many as of the lab: they run beside one another.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'lab',
          root,
          include: LAB,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Each file has hosts of its own. A third of the time they wait, so three keep two processors busy.
          maxWorkers: 3,
        },
      },
    ],
  },
});
