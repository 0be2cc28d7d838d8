import { chanceOf } from './seed.ts';

/** The seed of a run's random cases. It is printed, for a failure in CI is of no use without it. */
export function seedOf(what: string): number {
  const { seed } = chanceOf();
  process.stdout.write(`${what}: FAULT_SEED=${seed}\n`);
  return seed;
}
