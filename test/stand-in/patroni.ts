import type { Kv } from '../../src/store/kv.ts';
import type { Keys } from '../../src/store/keys.ts';
import { parseClusters, type PatroniCluster } from '../../src/store/patroni.ts';
import type { Op } from '../../src/store/txn.ts';
import type { FoundInstance, StandInHosts } from './hosts.ts';

const LOOP_MS = 20;

/**
 * Keeps Patroni's keys in etcd as the members of stand-in hosts would: who runs, who leads, and that a
 * cluster was made. A leader that does not run is replaced at once; a cluster's first leader is the member
 * that may bootstrap it.
 */
export class StandInPatroni {
  readonly #kv: Kv;
  readonly #keys: Keys;
  readonly #hosts: StandInHosts;
  #loop: Promise<void> = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  constructor(kv: Kv, keys: Keys, hosts: StandInHosts) {
    this.#kv = kv;
    this.#keys = keys;
    this.#hosts = hosts;
    this.#timer = setInterval(() => void this.#next(), LOOP_MS);
  }

  /** Resolves when the keys are as they should be now. */
  async settle(): Promise<void> {
    await this.#loop;
    await this.#next();
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    return this.#loop;
  }

  #next(): Promise<void> {
    this.#loop = this.#loop.then(() => this.#once()).catch(() => undefined);
    return this.#loop;
  }

  async #once(): Promise<void> {
    const [instances, found] = await Promise.all([
      this.#hosts.instances(),
      this.#kv.range(this.#keys.patroniNamespace),
    ]);
    const clusters = new Map(parseClusters(this.#keys, found).map((cluster) => [cluster.scope, cluster]));
    const scopes = new Set([...clusters.keys(), ...instances.map(({ scope }) => scope)]);
    for (const scope of scopes) {
      const cluster = clusters.get(scope);
      const ops = await this.#changes(
        scope,
        instances.filter((each) => each.scope === scope),
        cluster,
      );
      // What changed in between is for the next time.
      const leaderKey = `${this.#keys.patroniNamespace}${scope}/leader`;
      const compare = [{ key: leaderKey, modRevision: cluster?.leaderModRevision ?? '0' }];
      if (ops.length > 0) await this.#kv.txn({ compare, success: ops, failure: [] });
    }
  }

  async #changes(
    scope: string,
    instances: readonly FoundInstance[],
    cluster: PatroniCluster | undefined,
  ): Promise<Op[]> {
    const key = (name: string): string => `${this.#keys.patroniNamespace}${scope}/${name}`;
    const running = instances.filter((each) => each.running);
    const ops: Op[] = [];
    if (instances.length === 0)
      return cluster === undefined ? [] : [{ op: 'delete_prefix', prefix: key('') }];
    const leader = await this.#leader(running, cluster);
    const was = cluster?.leader ?? null;
    if (leader !== was) {
      ops.push(
        leader === null
          ? { op: 'delete', key: key('leader') }
          : { op: 'put', key: key('leader'), value: leader },
      );
      if (leader !== null && (cluster?.initialize ?? null) === null)
        ops.push({ op: 'put', key: key('initialize'), value: '7000000000000000001' });
    }
    if (leader !== null && (cluster?.failover ?? null) !== null)
      ops.push({ op: 'delete', key: key('failover') });
    const known = new Map((cluster?.members ?? []).map((member) => [member.name, member.role]));
    for (const { host } of running) {
      const role = host === leader ? 'primary' : 'replica';
      if (known.get(host) !== role) {
        const value = {
          state: role === 'primary' ? 'running' : 'streaming',
          role,
          timeline: 1,
          xlog_location: 1000,
        };
        ops.push({ op: 'put', key: key(`members/${host}`), value: JSON.stringify(value) });
      }
      known.delete(host);
    }
    // What a lost host held stays until its lease ends, or somebody takes it away.
    for (const host of known.keys())
      if (!(await this.#hosts.isLost(host))) ops.push({ op: 'delete', key: key(`members/${host}`) });
    return ops;
  }

  async #leader(
    running: readonly FoundInstance[],
    cluster: PatroniCluster | undefined,
  ): Promise<string | null> {
    const names = running.map(({ host }) => host);
    const now = cluster?.leader ?? null;
    for (const host of names) {
      const asked = await this.#hosts.takeHandOver(host);
      const heir = names.find((name) => name !== host && (asked?.to ?? names).includes(name));
      if (asked !== null && asked.from === now && heir !== undefined) return heir;
    }
    if (now !== null && (names.includes(now) || (await this.#hosts.isLost(now)))) return now;
    if ((cluster?.initialize ?? null) !== null) return names[0] ?? null;
    return running.find(({ bootstraps }) => bootstraps)?.host ?? null;
  }
}
