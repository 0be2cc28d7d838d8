import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

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

export default defineConfig({
  root,
  test: {
    root,
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
      { test: { name: 'store', root, include: STORE, testTimeout: 30_000, hookTimeout: 60_000 } },
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
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'lab',
          root,
          include: LAB,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Each file has hosts of its own, and most of its time is waiting: two at once, not more.
          maxWorkers: 2,
        },
      },
    ],
  },
});
