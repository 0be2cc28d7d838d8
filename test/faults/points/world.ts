import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LockRecord, RunOrigin } from '../../../src/records/types.ts';
import type { EtcdUser } from '../../../src/store/channel.ts';
import { isDead } from '../../../src/store/lock-holder.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import type { Ran } from '../../e2e/pgctl.ts';
import { SSH, StandInHosts } from '../../stand-in/hosts.ts';
import { StandInPatroni } from '../../stand-in/patroni.ts';
import { type Etcd, startEtcd } from '../../store/etcd.ts';
import type { FaultHost, Heard, World } from '../invariants.ts';
import { noteFaults } from '../report.ts';
import { killable, type KillableOutcome, thisProcess } from './killable.ts';

/** The password in the specs of these tests: it must be nowhere in etcd, nor be printed. */
export const CANARY = 'canary-5c1f0d';

/** How pgctl logs in to etcd. */
function loginOf({ user, password }: EtcdUser, home: string): Record<string, string> {
  const file = join(home, 'etcd-password');
  writeFileSync(file, password.reveal(), { mode: 0o600 });
  return { PGCTL_ETCD_USER: user, PGCTL_ETCD_PASSWORD_FILE: file };
}

const LOCKS = '/pgctl/v1/locks/';

/** A real etcd, hosts that are stood in for, and an operator whose pgctl runs in this process. */
export class PointsWorld implements World {
  readonly hosts: readonly FaultHost[];
  readonly machines: StandInHosts;
  readonly store: Store;
  /** The operator's surroundings. */
  readonly env: Readonly<Record<string, string>>;
  readonly #etcd: Etcd;
  readonly #patroni: StandInPatroni;
  readonly #home: string;
  readonly #here: RunOrigin;
  #heard: Heard[] = [];
  #specs = 0;

  private constructor(parts: {
    etcd: Etcd;
    endpoint: string;
    user: EtcdUser | null;
    machines: StandInHosts;
    home: string;
    here: RunOrigin;
  }) {
    this.#etcd = parts.etcd;
    this.#home = parts.home;
    this.#here = parts.here;
    this.machines = parts.machines;
    this.hosts = parts.machines.ids.map((id) => ({ id, ...parts.machines.look(id) }));
    const { endpoint, user } = parts;
    this.env = {
      ...{ HOME: parts.home, USER: 'tester', PGCTL_ENDPOINTS: endpoint, PGCTL_SSH: SSH },
      ...(user === null ? {} : loginOf(user, parts.home)),
    };
    const endpoints = [parts.etcd.endpoint];
    this.store = openStore({ endpoints, tls: null, auth: user, prefix: '/pgctl', env: this.env });
    this.#patroni = new StandInPatroni(this.store.kv, this.store.keys, this.machines);
  }

  /** @param given for an etcd of another kind, and for another way to it for pgctl */
  static async start(
    hostIds: readonly string[],
    given: {
      readonly etcd?: Promise<Etcd>;
      readonly endpoint?: string;
      readonly user?: EtcdUser;
    } = {},
  ): Promise<PointsWorld> {
    const [etcd, machines, home] = await Promise.all([
      given.etcd ?? startEtcd(),
      StandInHosts.make(hostIds),
      mkdtemp(join(tmpdir(), 'pgctl-home-')),
    ]);
    // For ssh, which gets this process's surroundings.
    process.env.PGCTL_STAND_IN = machines.dir;
    const { user = null, endpoint = etcd.endpoint } = given;
    const world = new PointsWorld({ etcd, endpoint, user, machines, home, here: thisProcess() });
    for (const id of hostIds) await world.register(id);
    return world;
  }

  async register(id: string): Promise<void> {
    const { hosts } = this.store;
    await hosts.register(this.machines.record(id), await hosts.tombstoneOf(id));
  }

  async stop(): Promise<void> {
    await this.#patroni.stop();
    this.store.close();
    await this.machines.remove();
    await this.#etcd.stop();
    await rm(this.#home, { recursive: true, force: true });
  }

  /** A file with this spec. */
  async spec(text: string): Promise<string> {
    const file = join(this.#home, `spec-${++this.#specs}.yaml`);
    await writeFile(file, text);
    return file;
  }

  /** Notes a fault after which everything that has to hold was seen to hold. */
  survived(what: string, injected = 1): void {
    noteFaults([{ what, injected }]);
  }

  /** Notes how many points of which command were tried, for the table in the README. */
  report(points: Readonly<Record<string, number>>): void {
    noteFaults(
      Object.entries(points).map(([what, injected]) => ({
        what: `SIGKILL at every point: ${what}`,
        injected,
      })),
    );
  }

  /** Runs a command that is killed at a point, counted from 1; one that has fewer ends by itself. */
  async attempt(args: readonly string[], killAt: number): Promise<KillableOutcome> {
    const outcome = await killable(args, { env: this.env, killAt });
    if (outcome.kind === 'ended') this.#hear(args, outcome);
    return outcome;
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const outcome = await killable(args, { env: { ...this.env, ...env } });
    if (outcome.kind === 'killed') throw new Error(`${args.join(' ')} was killed`);
    this.#hear(args, outcome);
    return { exitCode: outcome.code, stdout: outcome.stdout, stderr: outcome.stderr };
  }

  #hear(args: readonly string[], { stdout, stderr }: Pick<Ran, 'stdout' | 'stderr'>): void {
    this.#heard.push({ where: `stdout of ${args.join(' ')}`, text: stdout });
    this.#heard.push({ where: `stderr of ${args.join(' ')}`, text: stderr });
  }

  /** Runs a command that has to end well, or with one of these. */
  async expectRun(args: readonly string[], codes: readonly number[] = [0]): Promise<void> {
    const { exitCode, stdout, stderr } = await this.run(args);
    if (!codes.includes(exitCode))
      throw new Error(`${args.join(' ')} ended with ${exitCode}:\n${stdout}\n${stderr}`);
  }

  /** Without the lock of a run that is dead: it goes with its lease, and is in nobody's way until then. */
  async dump(): Promise<ReadonlyMap<string, string>> {
    await this.#patroni.settle();
    const found = (await this.store.kv.range('/')).filter(({ key, value, lease }) => {
      if (!key.startsWith(LOCKS) || lease === '0') return true;
      return !isDead((JSON.parse(value.toString()) as LockRecord).from, this.#here);
    });
    return new Map(found.map(({ key, value }) => [key, value.toString()]));
  }

  /** Every lock, those of runs that are dead as well. */
  async locks(): Promise<readonly string[]> {
    return (await this.store.kv.range(LOCKS)).map(({ key }) => key);
  }

  /** It has none: its runs are in this process. */
  children(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  /** Since it was last asked for. */
  heard(): Promise<readonly Heard[]> {
    const heard = this.#heard;
    this.#heard = [];
    return Promise.resolve(heard);
  }

  async secrets(): Promise<readonly string[]> {
    const key = await readFile(join(this.#home, '.config/pgctl/secret.key'), 'utf8').catch(() => '');
    return [CANARY, ...(await this.machines.passwords()), ...(key === '' ? [] : [key.trim()])];
  }
}
