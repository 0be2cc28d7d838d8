import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { describe, expect, it as plain } from 'vitest';
import { type LabEtcd, startEtcd } from '../lab/etcd.ts';
import { machinePort } from '../lab/ports.ts';
import { begin, type Begun, intended, journal, journaled } from './begun.ts';
import { type Operator, operatorOf, type Ran } from './pgctl.ts';

/** What is promised of an etcd without a quorum. */
const LIMIT_MS = 45_000;

interface ErrorDocument {
  readonly code: string;
  readonly task_id: string;
  readonly details: readonly string[];
}
const errorOf = (ran: Ran): ErrorDocument => JSON.parse(ran.stdout) as ErrorDocument;

/** An etcd, and this machine as its host: of one test, as each waits for most of a minute, and they do it at once. */
class World {
  readonly spool: string;
  readonly spec: string;

  private constructor(
    readonly etcd: LabEtcd,
    readonly operator: Operator,
    readonly base: string,
  ) {
    this.spool = join(operator.home, '.local/state/pgctl/spool');
    this.spec = join(operator.home, 'shop.json');
  }

  static async make(): Promise<World> {
    await mkdir('/var/lib/pgctl', { recursive: true });
    const base = await mkdtemp('/var/lib/pgctl/away-');
    // Whoever Postgres runs as has to get through.
    await chmod(base, 0o755);
    const etcd = await startEtcd();
    const world = new World(etcd, await operatorOf(etcd.endpoints), base);
    const ports = { port: await machinePort(), patroni_port: await machinePort() };
    const nodes = [{ name: 'n1', host_ids: ['host-1'] }];
    await writeFile(world.spec, JSON.stringify({ id: 'shop', ...ports, nodes }));
    await world.operator.json(['host', 'add', 'host-1', '--address', 'local', '--base-dir', base]);
    return world;
  }

  async dispose(): Promise<void> {
    await this.etcd.members[0]?.resume();
    const deleted = await this.operator.run(['db', 'delete', 'shop', '--yes', '--lock-timeout', '60s']);
    const kept = await this.kept();
    await this.operator.dispose();
    await this.etcd.stop();
    await rm(this.base, { recursive: true, force: true });
    expect([deleted.exitCode, kept]).toEqual([0, []]);
  }

  kept(): Promise<string[]> {
    return readdir(this.spool).catch(() => []);
  }

  /** Holds what every step that changes the host passes first; returns how to let it through. */
  async closeGate(): Promise<() => Promise<void>> {
    const meta = (await this.etcd.dump('/pgctl/v1/meta')).get('/pgctl/v1/meta') ?? '{}';
    const { store_id: storeId } = JSON.parse(meta) as { store_id: string };
    await mkdir(`${this.base}/.fence`, { recursive: true, mode: 0o700 });
    const gate = execa('flock', [`${this.base}/.fence/${storeId}.shop.lock`, 'sleep', '300'], {
      reject: false,
      detached: true,
    });
    await delay(300);
    return async () => {
      process.kill(-(gate.pid ?? 0), 'SIGKILL');
      await gate;
    };
  }

  /** Begins a create, and stops etcd while its first step waits to be let through. */
  async beginWithoutEtcd(env: Record<string, string> = {}): Promise<{
    readonly run: Begun;
    readonly open: () => Promise<void>;
  }> {
    const open = await this.closeGate();
    const before = await journaled(this.etcd);
    const run = begin(this.operator, ['db', 'create', '-f', this.spec, '-o', 'json'], { env });
    await intended(this.etcd, 'directory/', before);
    await this.etcd.members[0]?.pause();
    return { run, open };
  }
}

const it = plain.extend<{ world: World }>({
  // What vitest reads from the first parameter is which fixtures this one needs.
  world: async ({}, use) => {
    const world = await World.make();
    await use(world);
    await world.dispose();
  },
});

describe.concurrent('etcd that stops answering while an event runs', () => {
  /** Returns the task whose results pgctl has kept, and etcd does not know. */
  async function keepResults(world: World): Promise<string> {
    const { etcd, spool } = world;
    const { run, open } = await world.beginWithoutEtcd();
    const since = performance.now();
    await delay(1000);
    await open();
    const ran = await run.ended;
    expect(performance.now() - since).toBeLessThan(LIMIT_MS);
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([7, { code: 'etcd_unreachable' }]);
    const task = errorOf(ran).task_id;

    // What was done on the host is known here, and said; etcd knows that it was about to be done.
    const [file = '', ...more] = await world.kept();
    expect(more).toEqual([]);
    expect((await stat(join(spool, file))).mode & 0o777).toBe(0o600);
    expect(errorOf(ran).details.join()).toContain(join(spool, file));
    expect(ran.stderr).toContain(join(spool, file));
    expect(await readFile(join(spool, file), 'utf8')).toContain('directory/shop.n1.host-1');
    // Not resumed: it would find what pgctl sent and gave up on, and might do it after all.
    await etcd.members[0]?.kill();
    await etcd.members[0]?.start();
    expect(await journal(etcd, task)).not.toContainEqual(
      expect.objectContaining({ resource: 'directory/shop.n1.host-1', step: 'ok' }),
    );
    return task;
  }

  async function expectWrittenDown(world: World, task: string): Promise<void> {
    const { etcd, operator } = world;
    expect(await journal(etcd, task)).toContainEqual(
      expect.objectContaining({ resource: 'directory/shop.n1.host-1', step: 'ok' }),
    );
    const document = await operator.json<{ state: string; error: string }>(['task', 'get', task]);
    expect(document).toMatchObject({ state: 'failed', error: expect.stringContaining('etcd') as string });
    expect(await world.kept()).toEqual([]);
  }

  it('has its outcome written down by the same command, which goes on from there', async ({ world }) => {
    const { operator, spec } = world;
    const task = await keepResults(world);
    const again = await operator.run(['db', 'create', '-f', spec, '--lock-timeout', '60s']);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stderr).toContain(`results of task ${task}`);
    expect(again.stderr).not.toContain('make directory');
    await expectWrittenDown(world, task);
    const plan = await operator.run(['db', 'plan', '-f', spec, '--detailed-exitcode']);
    expect(plan.exitCode, plan.stderr).toBe(0);
  });

  it('has it written down by a resume', async ({ world }) => {
    const { operator } = world;
    const task = await keepResults(world);
    const resumed = await operator.run(['task', 'resume', task, '--lock-timeout', '60s']);
    expect(resumed.exitCode, resumed.stderr).toBe(0);
    await expectWrittenDown(world, task);
  });

  it('has it discarded where another machine went on meanwhile', async ({ world }) => {
    const { etcd, operator, spec } = world;
    const task = await keepResults(world);
    const other = await operatorOf(etcd.endpoints, {
      PGCTL_SECRET_KEY_FILE: join(operator.home, '.config/pgctl/secret.key'),
    });
    const went = await other.run(['db', 'create', '-f', spec, '--lock-timeout', '60s']);
    expect(went.exitCode, went.stderr).toBe(0);
    await other.dispose();
    const late = await operator.run(['db', 'create', '-f', spec]);
    expect(late.exitCode, late.stderr).toBe(0);
    expect(late.stderr).toMatch(new RegExp(`results of task ${task} .*are discarded: task .* came after it`));
  });
});

describe.concurrent('etcd that stops answering, with nowhere to keep anything', () => {
  it('is told all the same, and running the command again finishes it', async ({ world }) => {
    const { etcd, operator, spec } = world;
    const { run, open } = await world.beginWithoutEtcd({ XDG_STATE_HOME: '/dev/null/nowhere' });
    await open();
    const ran = await run.ended;
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([7, { code: 'etcd_unreachable' }]);
    expect(errorOf(ran).details.join()).toContain('could not be kept');
    await etcd.members[0]?.resume();
    const again = await operator.run(['db', 'create', '-f', spec, '--lock-timeout', '60s']);
    expect(again.exitCode, again.stderr).toBe(0);
  });
});

describe.concurrent('etcd that stops answering under a step that waits', () => {
  it('ends the step by the deadline of the lease, and what it came to is known', async ({ world }) => {
    const { etcd, operator, spec } = world;
    const before = await journaled(etcd);
    const run = begin(operator, ['db', 'create', '-f', spec, '-o', 'json']);
    await intended(etcd, 'instance/', before);
    await etcd.members[0]?.pause();
    const since = performance.now();
    const ran = await run.ended;
    expect(performance.now() - since).toBeLessThan(LIMIT_MS);
    expect(ran.exitCode).toBe(7);
    const task = errorOf(ran).task_id;
    await etcd.members[0]?.resume();
    const again = await operator.run(['db', 'create', '-f', spec, '--lock-timeout', '60s']);
    expect(again.exitCode, again.stderr).toBe(0);
    expect(await journal(etcd, task)).toContainEqual(
      expect.objectContaining({ resource: 'instance/shop.n1.host-1', step: 'failed' }),
    );
  });
});
