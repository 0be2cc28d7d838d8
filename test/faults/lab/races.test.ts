import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addHosts, type Operator, operatorOf, type Ran } from '../../e2e/pgctl.ts';
import { until } from '../../lab/command.ts';
import { type Lab, type LabEtcdMember, startLab } from '../../lab/lab.ts';
import { expectAtRest, expectConverges, expectSettled } from '../invariants.ts';
import { processesWith } from './processes.ts';
import { writeSpec } from './spec.ts';
import { type LabWorld, type Running, worldOf } from './world.ts';

/** A lock goes with its lease, 30 s after its holder was stopped. */
const LEASE = ['--lock-timeout', '60s'];
/** The limit of the contract for an etcd that is not there. */
const ETCD_GONE_MS = 45_000;
/** How long a woken pgctl is watched for what it might still start. */
const WATCH_MS = 3_000;

let lab: Lab;
let operator: Operator;
let world: LabWorld;

beforeAll(async () => {
  lab = await startLab({ hosts: 2, etcdMembers: 3 });
  operator = await operatorOf(lab.etcd.endpoints);
  await addHosts(operator, lab);
  world = worldOf(lab, operator);
});
afterAll(async () => {
  world?.dispose();
  await operator?.dispose();
  await lab?.stop();
});

const codeOf = ({ stdout }: Ran): string => (JSON.parse(stdout) as { code: string }).code;

/** What pgctl wrote to etcd, as revisions; Patroni's own keys change all the time. */
const written = (): Promise<Map<string, number>> => lab.etcd.revisions('/pgctl/v1/');

/** When everything of pgctl's on the hosts was made or started. */
async function made(): Promise<string> {
  const look = `stat -c '%n %Y' /var/lib/pgctl/* /var/lib/pgctl/*/patroni.yml /etc/systemd/system/pgctl-*
    for file in /var/lib/pgctl/*/data/postmaster.pid; do sed -n 3p "$file"; done`;
  const found = await Promise.all(lab.hosts.map((host) => host.run(look)));
  return found.map(({ stdout }) => stdout).join('');
}

/** Starts all at the same moment of theirs: each waits for host-2, which does not answer, and then it does. */
async function atOnce(...commands: readonly (readonly string[])[]): Promise<Ran[]> {
  await lab.host('host-2').freeze();
  try {
    // With the patience to wait for each other, however busy this machine is.
    const runs = commands.map((command) =>
      world.begin([...command, '-o', 'json', '--connect-timeout', '90s']),
    );
    let going = runs.length;
    for (const { ended } of runs) void ended.then(() => going--);
    // Whoever waits has read etcd; who finds the lock taken has ended.
    const waiting = (): number =>
      processesWith(`HOME=${operator.home}`).filter(({ commandLine }) =>
        / -M -N .*host-2\.sock/.test(commandLine),
      ).length;
    await until('runs that wait for host-2', 60_000, () => (waiting() >= going ? true : undefined));
    await lab.host('host-2').thaw();
    return await Promise.all(runs.map(({ ended }) => ended));
  } finally {
    await lab.host('host-2').thaw();
  }
}

/** Exactly one of the runs won. */
function onlyOne(runs: readonly Ran[], lost: string): void {
  expect(new Set(runs.map(({ exitCode }) => exitCode))).toEqual(new Set([0, 4]));
  const loser = runs.find(({ exitCode }) => exitCode === 4);
  expect(loser === undefined ? '' : codeOf(loser)).toBe(lost);
}

describe('stopped for longer than its lease', () => {
  let stopped: { readonly create: Running; readonly restart: Running };
  let shop: string;
  let blog: string;

  it('a pgctl holds its lock until then', async () => {
    shop = await writeSpec(lab, { id: 'shop', hosts: ['host-1', 'host-2'], port: 5433 });
    blog = await writeSpec(lab, { id: 'blog', hosts: ['host-1'], port: 5434 });
    expect(await world.run(['db', 'create', '-f', blog])).toMatchObject({ exitCode: 0 });
    const create = world.begin(['db', 'create', '-f', shop, '-o', 'json']);
    await create.says(/start shop\.n1\.host-2 …/);
    create.signal('SIGSTOP');
    const restart = world.begin(['db', 'restart', 'blog', '-o', 'json']);
    await restart.says(/restart blog\.n1\.host-1 …/);
    restart.signal('SIGSTOP');
    stopped = { create, restart };
    expect(codeOf(await world.run(['db', 'restart', 'shop', '-o', 'json']))).toBe('lock_held');
  });

  it('two creates of another database at once: one wins', async () => {
    const file = await writeSpec(lab, { id: 'twice', hosts: ['host-2'], port: 5435 });
    onlyOne(await atOnce(['db', 'create', '-f', file], ['db', 'create', '-f', file]), 'lock_held');
    world.survived('two at once');
  });

  it('a create against a delete: one wins', async () => {
    const file = await writeSpec(lab, {
      id: 'twice',
      hosts: ['host-2'],
      port: 5435,
      parameters: { work_mem: '5MB' },
    });
    const runs = await atOnce(['db', 'apply', '-f', file], ['db', 'delete', 'twice', '--yes']);
    onlyOne(runs, 'lock_held');
    world.survived('two at once');
    expect((await world.run(['db', 'delete', 'twice', '--yes'])).exitCode).toBe(
      runs[1]?.exitCode === 0 ? 5 : 0,
    );
  });

  it('two databases on one port of one host: one wins, and the other leaves nothing', async () => {
    const [left, right] = await Promise.all(
      ['left', 'right'].map((id) => writeSpec(lab, { id, hosts: ['host-2'], port: 5436 })),
    );
    const runs = await atOnce(['db', 'create', '-f', left ?? ''], ['db', 'create', '-f', right ?? '']);
    onlyOne(runs, 'port_taken');
    const loser = runs[0]?.exitCode === 4 ? 'left' : 'right';
    const keys = [...(await lab.etcd.dump('/pgctl/'))].filter(([key]) => !key.includes('/task'));
    expect(keys.filter(([key, value]) => key.includes(loser) || value.includes(`${loser}.n1`))).toEqual([]);
    const there = await Promise.all(world.hosts.flatMap((host) => [host.directories(), host.units()]));
    expect(there.flat().filter((name) => name.startsWith(loser))).toEqual([]);
    const winner = loser === 'left' ? 'right' : 'left';
    expect(await world.run(['db', 'delete', winner, '--yes'])).toMatchObject({ exitCode: 0 });
    world.survived('two at once');
  });

  it('it is overtaken, writes nothing and starts nothing when it wakes, and ends with 4', async () => {
    const taken = await Promise.all([
      world.run(['db', 'create', '-f', shop, ...LEASE]),
      world.run(['db', 'restart', 'blog', ...LEASE]),
    ]);
    expect(taken.map(({ exitCode, stderr }) => [exitCode, exitCode === 0 ? '' : stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    const before = { written: await written(), made: await made() };
    stopped.create.signal('SIGCONT');
    stopped.restart.signal('SIGCONT');
    const end = performance.now() + WATCH_MS;
    const jobs: string[] = [];
    while (performance.now() < end) {
      jobs.push(...(await Promise.all(world.hosts.map((host) => host.jobs()))).flat());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(jobs).toEqual([]);
    const ended = await Promise.all([stopped.create.ended, stopped.restart.ended]);
    expect(ended.map((ran) => [ran.exitCode, codeOf(ran)])).toEqual([
      [4, 'lock_lost'],
      [4, 'lock_lost'],
    ]);
    expect({ written: await written(), made: await made() }).toEqual(before);
    for (const [command, file] of [
      [['db', 'create', '-f', shop], shop],
      [['db', 'restart', 'blog'], blog],
    ] as const) {
      await expectConverges(world, { command, plan: ['-f', file] });
      world.survived('stopped for longer than the lease, and overtaken');
    }
  });
});

describe('etcd', () => {
  let file: string;
  /** The leader of the beginning first. */
  let members: readonly LabEtcdMember[] = [];
  const member = (index: number): LabEtcdMember => {
    const found = members[index];
    if (found === undefined) throw new Error(`no member ${index}`);
    return found;
  };

  it('is not missed where the leader of three members dies in the middle', async () => {
    const leader = await lab.etcd.leader();
    members = [leader, ...lab.etcd.members.filter((each) => each !== leader)];
    file = await writeSpec(lab, { id: 'third', hosts: ['host-2'], port: 5437 });
    const create = world.begin(['db', 'create', '-f', file]);
    await create.says(/start third\.n1\.host-2 …/);
    await member(0).kill();
    const { exitCode, stderr } = await create.ended;
    expect([exitCode, exitCode === 0 ? '' : stderr]).toEqual([0, '']);
    await expectAtRest(world);
    const restart = ['db', 'restart', 'third'];
    await expectConverges(world, { command: restart, plan: ['-f', file] });
    world.survived("etcd's leader lost");
  });

  it('without a quorum ends a command with 7, and nothing was touched', async () => {
    const before = { written: await written(), made: await made() };
    await member(1).kill();
    const since = performance.now();
    const runs = await Promise.all([
      world.run(['db', 'restart', 'third', '-o', 'json']),
      world.run(['db', 'delete', 'third', '--yes', '-o', 'json']),
    ]);
    expect(performance.now() - since).toBeLessThan(ETCD_GONE_MS);
    expect(runs.map((ran) => [ran.exitCode, codeOf(ran)])).toEqual([
      [7, 'etcd_unreachable'],
      [7, 'etcd_unreachable'],
    ]);
    await member(1).start();
    await member(0).start();
    expect({ written: await written(), made: await made() }).toEqual(before);
    world.survived('quorum lost');
  });

  it('that loses its quorum in the middle ends the operation in time, and it is finished afterwards', async () => {
    const restart = world.begin(['db', 'restart', 'third', '-o', 'json']);
    await restart.says(/restart third\.n1\.host-2 …/);
    await Promise.all([member(1).kill(), member(2).kill()]);
    const since = performance.now();
    const ran = await restart.ended;
    expect(performance.now() - since).toBeLessThan(ETCD_GONE_MS);
    expect([4, 7, 9]).toContain(ran.exitCode);
    await Promise.all([member(1).start(), member(2).start()]);
    await expectConverges(world, { command: ['db', 'restart', 'third', ...LEASE], plan: ['-f', file] });
    world.survived('quorum lost');
  });

  it('is left with nothing of what is deleted', async () => {
    const runs = await Promise.all(
      ['shop', 'blog', 'third'].map((id) => world.run(['db', 'delete', id, '--yes'])),
    );
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    await expectSettled(world);
    await expectAtRest(world);
  });
});
