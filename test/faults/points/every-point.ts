import { randomInt } from 'node:crypto';
import { expect } from 'vitest';
import type { World } from './world.ts';

/** A command that is killed at one point after another. */
export interface Harm {
  readonly command: readonly string[];
  /** Brings about what it starts from, where the command before it does not leave that. */
  readonly prepare?: () => Promise<void>;
  /** Exit codes of running it again; 5 where a delete that was killed at its very end has nothing left to do. */
  readonly again?: readonly number[];
  /** Arguments of `db plan` that have to give an empty plan afterwards; null where the database is gone. */
  readonly planned: readonly string[] | null;
}

/** Of every three runs again, one is killed as well, at a point within this many. */
const SECOND_KILL = { oneIn: 3, within: 25 } as const;

/** Park and Miller's generator: the same seed gives the same kills. */
function randomFrom(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/**
 * Kills each command of a cycle at its first point, runs it again and looks; then each at its second; and so on
 * until each ended before it could be killed. A command starts from what the one before it left. Some of the
 * runs that finish the work are killed too, at a random point, and run once more. Returns how often each was
 * killed.
 */
export async function killAtEveryPoint(world: World, cycle: readonly Harm[]): Promise<number[]> {
  const kills = cycle.map(() => 0);
  const seed = Number(process.env.PGCTL_FAULT_SEED ?? randomInt(2 ** 31));
  process.stdout.write(`PGCTL_FAULT_SEED=${seed}\n`);
  const random = randomFrom(seed);
  const ended = new Set<Harm>();
  for (let point = 1; ended.size < cycle.length; point++) {
    for (const [index, harm] of cycle.entries()) {
      await harm.prepare?.();
      const outcome = await world.run(harm.command, ended.has(harm) ? 0 : point);
      let second = '';
      try {
        if (outcome.kind === 'ended') {
          expect(outcome.code, outcome.stdout).toBe(0);
          ended.add(harm);
        } else {
          kills[index] = (kills[index] ?? 0) + 1;
          await world.expectNothingHidden();
          if (random(SECOND_KILL.oneIn) === 0) {
            const again = await world.run(harm.command, 1 + random(SECOND_KILL.within));
            if (again.kind === 'killed') {
              kills[index]++;
              second = `; then before: ${again.at}`;
              await world.expectNothingHidden();
            }
          }
          await world.json(harm.command, harm.again ?? [0]);
        }
        await world.expectWhole(harm.planned);
      } catch (error) {
        const where =
          outcome.kind === 'ended'
            ? 'not killed'
            : `killed at point ${point}, before: ${outcome.at}${second}`;
        throw new Error(`${harm.command.join(' ')}, ${where}`, { cause: error });
      }
    }
  }
  return kills;
}
