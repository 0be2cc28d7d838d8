import type { WorkerChild } from './child.ts';

/** Workers that have done a job and wait for the next one of their host. */
export interface IdleWorkers {
  /** One that waits, which is taken out; null where none does. */
  take(where: string): WorkerChild | null;
  /** Lets one wait; ends it where it cannot take another job, or where enough wait already. Does not reject. */
  keep(where: string, worker: WorkerChild): Promise<void>;
  /** Ends all that wait, and from then on whatever is to be kept. */
  close(): Promise<void>;
}

/** @param limit how many wait at a time, over all hosts: each is a process */
export function idleWorkers(limit: number): IdleWorkers {
  const waiting = new Map<string, WorkerChild[]>();
  let closed = false;
  /** How many there are; those that have ended meanwhile make room. */
  const count = (): number => {
    for (const [where, here] of waiting)
      waiting.set(
        where,
        here.filter((worker) => worker.isIdle()),
      );
    return [...waiting.values()].reduce((sum, here) => sum + here.length, 0);
  };
  return {
    take(where) {
      const here = waiting.get(where) ?? [];
      for (let worker = here.pop(); worker !== undefined; worker = here.pop())
        if (worker.isIdle()) return worker;
      return null;
    },
    async keep(where, worker) {
      if (closed || !worker.isIdle() || count() >= limit) return worker.end();
      const here = waiting.get(where);
      if (here === undefined) waiting.set(where, [worker]);
      else here.push(worker);
    },
    async close() {
      closed = true;
      const all = [...waiting.values()].flat();
      waiting.clear();
      await Promise.all(all.map((worker) => worker.end()));
    },
  };
}
