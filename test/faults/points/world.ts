import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunOrigin } from '../../../src/records/types.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import type { DatabaseDocument, PlanDocument } from '../../../src/ui/documents.ts';
import { StandInHosts, SSH } from '../../stand-in/hosts.ts';
import { StandInPatroni } from '../../stand-in/patroni.ts';
import { type Etcd, startEtcd } from '../../store/etcd.ts';
import { noteFaults } from '../report.ts';
import { killable, type KillableOutcome, thisProcess } from './killable.ts';

/** A real etcd, hosts that are stood in for, and an operator. */
export class World {
  readonly hosts: StandInHosts;
  readonly store: Store;
  readonly env: Record<string, string>;
  readonly #etcd: Etcd;
  readonly #patroni: StandInPatroni;
  readonly #home: string;
  #specs = 0;

  private constructor(parts: { etcd: Etcd; hosts: StandInHosts; home: string; here: RunOrigin }) {
    this.#etcd = parts.etcd;
    this.hosts = parts.hosts;
    this.#home = parts.home;
    this.env = { HOME: parts.home, USER: 'tester', PGCTL_ENDPOINTS: parts.etcd.endpoint, PGCTL_SSH: SSH };
    this.store = openStore({
      ...{ endpoints: [parts.etcd.endpoint], tls: null, auth: null, prefix: '/pgctl', env: this.env },
      here: parts.here,
    });
    this.#patroni = new StandInPatroni(this.store.kv, this.store.keys, this.hosts);
  }

  static async start(hostIds: readonly string[]): Promise<World> {
    const [etcd, hosts, home, here] = await Promise.all([
      startEtcd(),
      StandInHosts.make(hostIds),
      mkdtemp(join(tmpdir(), 'pgctl-home-')),
      thisProcess(),
    ]);
    // For ssh, which gets this process's surroundings.
    process.env.PGCTL_STAND_IN = hosts.dir;
    const world = new World({ etcd, hosts, home, here });
    for (const id of hostIds) await world.register(id);
    return world;
  }

  async register(id: string): Promise<void> {
    await this.store.hosts.register(this.hosts.record(id), await this.store.hosts.tombstoneOf(id));
  }

  async stop(): Promise<void> {
    await this.#patroni.stop();
    this.store.close();
    await this.hosts.remove();
    await this.#etcd.stop();
    await rm(this.#home, { recursive: true, force: true });
  }

  /** A file with this spec. */
  async spec(text: string): Promise<string> {
    const file = join(this.#home, `spec-${++this.#specs}.yaml`);
    await writeFile(file, text);
    return file;
  }

  /** Notes how many points of which command were tried, for the table in the README. */
  report(points: Readonly<Record<string, number>>): void {
    noteFaults(Object.entries(points).map(([what, injected]) => ({ what, injected })));
  }

  run(argv: readonly string[], killAt = 0): Promise<KillableOutcome> {
    return killable([...argv, '-o', 'json'], { env: this.env, killAt });
  }

  /** Runs to its end, and returns the document. */
  async json<T>(argv: readonly string[], codes: readonly number[] = [0]): Promise<T> {
    const outcome = await this.run(argv);
    if (outcome.kind === 'killed') throw new Error('it was killed');
    if (!codes.includes(outcome.code))
      throw new Error(`${argv.join(' ')} ended with ${outcome.code}: ${outcome.stdout}${outcome.stderr}`);
    return JSON.parse(outcome.stdout) as T;
  }

  async databases(): Promise<readonly DatabaseDocument[]> {
    const listed = (await this.json<{ items: { id: string }[] }>(['db', 'list'])).items;
    return Promise.all(listed.map(({ id }) => this.json<DatabaseDocument>(['db', 'get', id])));
  }

  /** What must be so right after a kill: nothing is on a host that no record knows of, and nothing in progress looks alive. */
  async expectNothingHidden(): Promise<void> {
    const databases = await this.databases();
    const known = new Set(
      databases.flatMap(({ instances }) => instances.map(({ instance_id }) => instance_id)),
    );
    for (const { instanceId } of await this.hosts.instances()) expect(known).toContain(instanceId);
    for (const { state, interrupted, instances } of databases) {
      if (['creating', 'modifying', 'deleting'].includes(state)) expect(interrupted).toBeDefined();
      for (const each of instances)
        if (['creating', 'modifying', 'deleting'].includes(each.state))
          expect(each.interrupted).toBeDefined();
    }
  }

  /** What must be so when the command that was killed has been run again: the records are what is on the hosts, and nothing is left over. */
  async expectWhole(planned: readonly string[] | null): Promise<void> {
    await this.#patroni.settle();
    const { store } = this;
    const databases = await this.databases();
    const instances = databases.flatMap((database) => database.instances);
    expect(databases.map(({ id, state, error }) => ({ id, state, error }))).toEqual(
      databases.map(({ id }) => ({ id, state: 'available', error: null })),
    );
    for (const { instance_id, state, running, error } of instances)
      expect({ instance_id, state, error }).toEqual({
        instance_id,
        state: running ? 'available' : 'stopped',
        error: null,
      });
    expect(await this.hosts.traces()).toEqual(
      instances
        .flatMap(({ instance_id: id, host_id: host, running }) => [
          `${host}: directory ${id}`,
          `${host}: unit pgctl-${id}.service`,
          ...(running ? [`${host}: enabled pgctl-${id}.service`] : []),
        ])
        .sort(),
    );
    expect(new Map((await this.hosts.instances()).map((each) => [each.instanceId, each.running]))).toEqual(
      new Map(instances.map(({ instance_id, running }) => [instance_id, running])),
    );
    const raw = await store.kv.range('/pgctl/');
    const keys = raw.map(({ key }) => key);
    // The lock of a run that is dead goes with its lease, and is in nobody's way until then.
    expect(raw.filter(({ key, lease }) => key.startsWith('/pgctl/v1/locks/') && lease === '0')).toEqual([]);
    expect([...(await store.locks())]).toEqual([]);
    const ids = databases.map(({ id }) => id);
    const ofDatabases = keys.filter((key) =>
      /^\/pgctl\/(v1\/(instances|resources|secrets|guards|instance_statuses)|patroni)\//.test(key),
    );
    expect(ofDatabases.filter((key) => !ids.some((id) => new RegExp(`/${id}[./]`).test(key)))).toEqual([]);
    expect((await store.ports.list()).items.map(({ value }) => value.instance_id).sort()).toEqual(
      instances.flatMap(({ instance_id }) => [instance_id, instance_id]).sort(),
    );
    for (const id of ids) {
      const { resources } = await store.readDatabase(id);
      expect(
        resources.filter(({ value }) => value.needs_recreate || value.error !== null).map(({ key }) => key),
      ).toEqual([]);
    }
    const tasks = (await store.tasks.list(1000)).items.map(({ value }) => value);
    expect(tasks.filter(({ state }) => !['completed', 'failed', 'canceled'].includes(state))).toEqual([]);
    expect(raw.filter(({ value }) => value.includes(CANARY)).map(({ key }) => key)).toEqual([]);
    if (planned !== null) {
      const plan = await this.json<PlanDocument>(['db', 'plan', ...planned]);
      expect(plan.plans).toEqual([]);
    }
  }
}

/** The password in the specs of these tests: it must be nowhere in etcd. */
export const CANARY = 'canary-5c1f0d';
