import { expect } from 'vitest';
import { type Convergence, expectAtRest, expectConverges, expectTruthful } from '../invariants.ts';
import { chanceOf } from '../seed.ts';
import type { PointsWorld } from './world.ts';

/** A command that is killed at one point after another, and what has to hold when it is run again. */
export interface Harm extends Convergence {
  /** Brings about what it starts from, where the command before it does not leave that. */
  readonly prepare?: () => Promise<void>;
  /** Its turn where several commands share the points of one; every point where it is not given. */
  readonly turn?: (point: number) => boolean;
}

/** Of every three runs again, one is killed as well, at a point within this many. */
const SECOND_KILL = { oneIn: 3, within: 25 } as const;

/**
 * Kills each command of a cycle at its first point, runs it again and looks; then each at its second; and so on
 * until each ended before it could be killed. A command starts from what the one before it left. Some of the
 * runs that finish the work are killed too, at a random point, and run once more. Returns how often each was
 * killed.
 */
export async function killAtEveryPoint(world: PointsWorld, cycle: readonly Harm[]): Promise<number[]> {
  const kills = cycle.map(() => 0);
  const chance = chanceOf();
  process.stdout.write(`FAULT_SEED=${chance.seed}\n`);
  const ended = new Set<Harm>();
  for (let point = 1; ended.size < cycle.length; point++) {
    for (const [index, harm] of cycle.entries()) {
      if (harm.turn?.(point) === false) continue;
      await harm.prepare?.();
      const outcome = await world.attempt(harm.command, ended.has(harm) ? 0 : point);
      let where = 'not killed';
      try {
        if (outcome.kind === 'ended') {
          expect(outcome.code, outcome.stderr).toBe(0);
          ended.add(harm);
          await expectAtRest(world);
          continue;
        }
        kills[index] = (kills[index] ?? 0) + 1;
        where = `killed at point ${point}, before: ${outcome.at}`;
        await expectTruthful(world);
        if (chance.between(1, SECOND_KILL.oneIn) === 1) {
          const again = await world.attempt(harm.command, chance.between(1, SECOND_KILL.within));
          if (again.kind === 'killed') {
            kills[index]++;
            where += `; then before: ${again.at}`;
          }
        }
        await expectConverges(world, harm);
        expect(await world.locks()).toEqual([]);
      } catch (error) {
        throw new Error(`${harm.command.join(' ')}, ${where}`, { cause: error });
      }
    }
  }
  return kills;
}
