import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import type { Ran } from '../../e2e/pgctl.ts';
import { until } from '../../lab/command.ts';
import { type Etcd, startEtcd } from '../../store/etcd.ts';
import { type LossyProxy, lossyProxy } from '../../store/proxy.ts';
import { expectConverges, expectSettled } from '../invariants.ts';
import { CANARY, PointsWorld } from './world.ts';

let etcd: Etcd;
let world: PointsWorld;

const errorOf = ({ stdout }: Ran): { code: string; message: string; hint: string } =>
  JSON.parse(stdout) as { code: string; message: string; hint: string };

const specOf = (hosts: readonly string[], parameters = ''): Promise<string> =>
  world.spec(`id: shop
nodes: [{name: n1, host_ids: [${hosts.join(', ')}]}]
postgresql_conf: {${parameters}}
database_users: [{username: app, password: ${CANARY}, db_owner: true, attributes: [LOGIN]}]
`);

/** Holds what every step that changes something on a host passes first; returns how to let it through. */
async function closeGate(host: string): Promise<() => void> {
  const { store_id: id } = (await world.store.prepareToChange()).meta;
  const fences = join(world.machines.dir, host, 'base/.fence');
  await mkdir(fences, { recursive: true, mode: 0o700 });
  const gate = spawn('flock', [join(fences, `${id}.shop.lock`), 'sh', '-c', 'echo held; exec sleep 100'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(gate.stdout, 'data');
  return () => void process.kill(-(gate.pid ?? 0), 'SIGKILL');
}

/** Until the first step of a run waits to be let through. */
async function underWay(running: Promise<Ran>): Promise<void> {
  const early = running.then(({ stderr }) => Promise.reject(new Error(`it ended: ${stderr}`)));
  const begun = until('a step', 20_000, async () =>
    [...(await world.dump()).keys()].some((key) => key.includes('/task_events/')) ? true : undefined,
  );
  await Promise.race([early, begun]);
}

/** Whatever is done to a database in its life, each command once. */
async function wholeLife(): Promise<number> {
  const small = await specOf(['h1']);
  const large = await specOf(['h1', 'h2'], 'max_connections: 200');
  const life = [
    ['db', 'create', '-f', small],
    ['db', 'update', '-f', large],
    ['db', 'restart', 'shop'],
    ['instance', 'stop', 'shop.n1.h2'],
    ['db', 'delete', 'shop', '--yes'],
  ];
  for (const command of life) await world.expectRun(command);
  await expectSettled(world);
  return life.length;
}

describe('an etcd without space', () => {
  const QUOTA = 8 * 1024 * 1024;

  beforeAll(async () => {
    const starting = startEtcd({ args: ['--quota-backend-bytes', String(QUOTA)] });
    world = await PointsWorld.start(['h1', 'h2'], { etcd: starting });
    etcd = await starting;
  });
  afterAll(() => world?.stop());

  /** Writes one key over and over, as whoever fills an etcd does, until it takes no more. */
  const fill = async (): Promise<void> => {
    const value = 'x'.repeat(1024 * 1024);
    for (let n = 0; n < 20; n++) {
      const taken = await world.store.kv
        .txn({ compare: [], success: [{ op: 'put', key: '/stranger', value }], failure: [] })
        .catch(() => null);
      if (taken === null) return;
      // How large it is etcd knows from its last flush.
      await delay(110);
    }
    throw new Error('etcd is not full');
  };
  const makeRoom = async (): Promise<void> => {
    const status = JSON.parse(await etcd.etcdctl('endpoint', 'status', '-w', 'json')) as [
      { Status: { header: { revision: number } } },
    ];
    await etcd.etcdctl('compact', String(status[0].Status.header.revision));
    await etcd.etcdctl('defrag');
    await etcd.etcdctl('alarm', 'disarm');
  };

  it('in the middle ends a command with 7 and the remedy; reading goes on; the same command finishes it', async () => {
    const file = await specOf(['h1', 'h2']);
    const command = ['db', 'create', '-f', file];
    const open = await closeGate('h1');
    const running = world.run([...command, '-o', 'json']);
    await underWay(running);
    await fill();
    open();
    const ran = await running;
    const remedy = expect.stringMatching(/defragment.*alarm disarm/) as string;
    const full = {
      code: 'etcd_refused',
      message: expect.stringContaining('no room') as string,
      hint: remedy,
    };
    expect([ran.exitCode, errorOf(ran)]).toMatchObject([7, full]);
    expect(await world.locks()).toEqual([]);

    const shown = await world.run(['db', 'get', 'shop', '-o', 'json']);
    expect([shown.exitCode, JSON.parse(shown.stdout)]).toMatchObject([0, { id: 'shop' }]);
    const again = await world.run([...command, '-o', 'json']);
    expect([again.exitCode, errorOf(again)]).toMatchObject([7, full]);

    await makeRoom();
    await expectConverges(world, { command, plan: ['-f', file] });
    world.survived('etcd without space');
  });
});

describe('an etcd whose answers get lost', () => {
  let proxy: LossyProxy;
  beforeAll(async () => {
    etcd = await startEtcd();
    proxy = await lossyProxy(etcd.port, { carriedOutMs: 50 });
    world = await PointsWorld.start(['h1', 'h2'], { etcd: Promise.resolve(etcd), endpoint: proxy.endpoint });
  });
  afterAll(async () => {
    await world?.stop();
    await proxy?.close();
  });

  it('after every fifth request that it carried out is used as if nothing were', async () => {
    proxy.dropEvery(5);
    await wholeLife();
    expect(proxy.dropped).toBeGreaterThan(20);
    world.survived("etcd's answer lost after what it answers was done", proxy.dropped);
  });
});

describe('an etcd that is compacted all the time', () => {
  beforeAll(async () => {
    etcd = await startEtcd();
    world = await PointsWorld.start(['h1', 'h2'], { etcd: Promise.resolve(etcd) });
  });
  afterAll(() => world?.stop());

  it('is used as if it were not', async () => {
    let compacted = 0;
    let over = false;
    const compacting = (async () => {
      while (!over) {
        const { revision } = await world.store.kv.txn({ compare: [], success: [], failure: [] });
        await etcd.etcdctl('compact', revision).then(
          () => compacted++,
          () => undefined,
        );
        await delay(20);
      }
    })();
    const commands = await wholeLife().finally(() => (over = true));
    await compacting;
    expect(compacted).toBeGreaterThan(20);
    world.survived('etcd compacted in the middle', commands);
  });
});

describe('an etcd whose disk is slow', () => {
  /** Longer than a call is waited for before it is made again: what was written late is found to be written. */
  const STALL_MS = 2500;

  beforeAll(async () => {
    etcd = await startEtcd();
    world = await PointsWorld.start(['h1'], { etcd: Promise.resolve(etcd) });
  });
  afterAll(() => world?.stop());

  it('so that a write now and then takes longer than a call may is waited for', async () => {
    const log = join(world.machines.dir, 'strace');
    const tracer = spawn(
      'strace',
      [
        ...['-f', '-qq', '-o', log, '-p', String(etcd.pid), '-e', 'trace=fdatasync'],
        ...['-e', `inject=fdatasync:delay_exit=${STALL_MS * 1000}:when=6+20`],
      ],
      { stdio: 'ignore' },
    );
    await until('strace', 10_000, () => (existsSync(log) ? true : undefined));
    const file = await specOf(['h1']);
    await expectConverges(world, { command: ['db', 'create', '-f', file], plan: ['-f', file] });
    await expectConverges(world, { command: ['db', 'delete', 'shop', '--yes'], plan: null });
    const ended = once(tracer, 'exit');
    tracer.kill();
    await ended;
    const stalls = (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes('DELAYED'));
    expect(stalls.length).toBeGreaterThan(1);
    world.survived('a write to the disk of etcd stalled', stalls.length);
  });
});

describe('an etcd with users', () => {
  beforeAll(async () => {
    etcd = await startEtcd();
    await etcd.etcdctl('role', 'add', 'root');
    await etcd.etcdctl('user', 'add', 'root:word-of-root');
    await etcd.etcdctl('user', 'grant-role', 'root', 'root');
    await etcd.etcdctl('auth', 'enable');
    world = await PointsWorld.start(['h1', 'h2'], {
      etcd: Promise.resolve(etcd),
      user: { user: 'root', password: new Secret('word-of-root') },
    });
  });
  afterAll(() => world?.stop());

  it('that starts anew while a step runs, and forgets who logged in, is logged in to again, and the operation ends well', async () => {
    const file = await specOf(['h1']);
    const open = await closeGate('h1');
    const running = world.run(['db', 'create', '-f', file]);
    await underWay(running);
    await etcd.kill();
    await etcd.start();
    open();
    const ran = await running;
    expect([ran.exitCode, ran.exitCode === 0 ? '' : ran.stderr]).toEqual([0, '']);
    await expectConverges(world, { command: ['db', 'create', '-f', file], plan: ['-f', file] });
    world.survived("etcd's token invalid in the middle");
  });
});
