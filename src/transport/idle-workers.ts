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
  let count = 0;
  let closed = false;
  return {
    take(where) {
      const here = waiting.get(where) ?? [];
      for (let worker = here.pop(); worker !== undefined; worker = here.pop()) {
        count--;
        if (worker.isIdle()) return worker;
      }
      return null;
    },
    async keep(where, worker) {
      if (closed || count >= limit || !worker.isIdle()) return worker.end();
      count++;
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
