import { killCgroup, removeCgroup } from './cgroup.ts';
import { forgetContainers } from './container.ts';
import { freeNumbers, namespacesOf, removeNetwork } from './network.ts';
import {
  claimNumber,
  makeScratch,
  releaseNumber,
  removeScratch,
  sweepScratch,
  takeOverDead,
} from './owner.ts';

/** What a lab stands on. All it makes is named after its number, so that it can be removed without it. */
export interface Ground {
  readonly number: number;
  readonly dir: string;
  /** Name of the control group that all its processes are in or below. */
  readonly cgroup: string;
  /** Ends and removes everything. */
  clear(): Promise<void>;
}

const cgroupOf = (number: number): string => `pgctl-lab-${number}`;

/** Claims ground for a lab, after removing what is left of labs whose process was killed. Needs root. */
export async function claimGround(): Promise<Ground> {
  if (process.getuid?.() !== 0) throw new Error('lab: real hosts need the root user');
  for (const number of await takeOverDead()) await clear(number);
  await sweepScratch();

  const number = await claimNumber(await freeNumbers());
  const dir = await makeScratch();
  return {
    number,
    dir,
    cgroup: cgroupOf(number),
    async clear() {
      await clear(number, dir);
    },
  };
}

async function clear(number: number, dir?: string): Promise<void> {
  await killCgroup(cgroupOf(number));
  await removeCgroup(cgroupOf(number));
  await forgetContainers(namespacesOf(number));
  await removeNetwork(number);
  if (dir !== undefined) await removeScratch(dir);
  // Last: from here on the number may be another lab's.
  await releaseNumber(number);
}
