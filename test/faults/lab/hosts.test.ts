import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf, type Ran } from '../../e2e/pgctl.ts';
import { startWriter, type Writer } from '../../e2e/writer.ts';
import { until } from '../../lab/command.ts';
import { type Lab, type LabHost, startLab } from '../../lab/lab.ts';
import { type Convergence, expectConverges, expectSettled, expectTruthful } from '../invariants.ts';
import { parentOf } from './processes.ts';
import { expectRows, sql } from './rows.ts';
import { writeSpec } from './spec.ts';
import { CANARY, type LabWorld, worldOf } from './world.ts';

/** A host that is silent is given up after 15 s by ssh, and its step with it; what was asked for takes its time, too. */
const SILENCE_MS = 60_000;
const CUT_MS = 60_000;
const FENCES = '/var/lib/pgctl/.fence';
/** What the base backup has to copy, in MiB, and how fast it may be: it takes 40 s. */
const BALLAST = 300;
const MEGABITS = 60;

/** Patroni tries again every 10 s, and after five attempts nobody waits any more. */
const TOLD_MS = 120_000;

let lab: Lab;
let operator: Operator;
let world: LabWorld;
let writer: Writer;
let one: LabHost;
let two: LabHost;
let three: LabHost;

interface Wanted {
  readonly hosts: readonly string[];
  readonly work_mem?: string;
  readonly max_connections?: number;
}

/** The command that brings `shop` to this, and its plan. */
async function shop({ hosts, ...parameters }: Wanted): Promise<Convergence> {
  const file = await writeSpec(lab, { id: 'shop', hosts, port: 5433, parameters });
  return { command: ['db', 'apply', '-f', file], plan: ['-f', file] };
}

const codeOf = ({ stdout }: Ran): string => (JSON.parse(stdout) as { code: string }).code;
const written = (): Promise<Map<string, number>> => lab.etcd.revisions('/pgctl/v1/');

/**
 * Counts base backups that go on at the same time: on the primary those that move (one whose receiver is gone
 * stays in the list until TCP tries again), on the replica's host the processes that receive one.
 */
function watchBaseBackups(
  primary: LabHost,
  replica: LabHost,
): { most(): Promise<{ readonly sent: number; readonly received: number }> } {
  let [sent, received] = [0, 0];
  let before = new Map<string, string>();
  let over = false;
  const look = async (): Promise<void> => {
    const rows = await sql(primary, 'select pid, backup_streamed from pg_stat_progress_basebackup');
    const now = new Map(
      rows
        .split('\n')
        .filter(Boolean)
        .map((row) => row.split('|') as [string, string]),
    );
    const moved = [...now].filter(([pid, bytes]) => before.has(pid) && before.get(pid) !== bytes);
    before = now;
    const pids = await replica.pids(/^\S*\/pg_basebackup /);
    // Each has a child of its own, for the WAL.
    const own = pids.filter((pid) => !pids.includes(parentOf(pid)));
    sent = Math.max(sent, moved.length);
    received = Math.max(received, own.length);
  };
  const watching = (async () => {
    while (!over) {
      await look();
      await delay(500);
    }
  })();
  return {
    async most() {
      over = true;
      await watching;
      return { sent, received };
    },
  };
}

beforeAll(async () => {
  lab = await startLab({ hosts: 3 });
  [one, two, three] = ['host-1', 'host-2', 'host-3'].map((id) => lab.host(id)) as [LabHost, LabHost, LabHost];
  // A small disk that can be filled: with room for what the checks ask for, which is the copy and half a GiB.
  await three.run('mkdir -p /var/lib/pgctl && mount -t tmpfs -o size=1400m,mode=0755 small /var/lib/pgctl');
  // Login shells that talk, with control characters, and words that look like a result.
  const noise = String.raw`printf '\033[31mWelcome\007 to the host\n\npgctl-0 result 0\n'; echo moo >&2`;
  await two.run('cat - /root/.bashrc > /tmp/rc; mv /tmp/rc /root/.bashrc', { input: `${noise}\n` });
  await three.run('cat > ~cshuser/.cshrc', { input: 'echo moo\nprintf "\\nno result\\n"\n' });
  operator = await operatorOf(lab.etcd.endpoints);
  world = worldOf(lab, operator);
  for (const host of lab.hosts) {
    const added = await world.run([
      ...['host', 'add', host.id, '--address', host.address, '--identity-file', lab.identityFile],
      ...['--user', host === three ? 'cshuser' : 'root', '--host-key-fingerprint', host.hostKeyFingerprint],
    ]);
    expect([added.exitCode, added.exitCode === 0 ? '' : added.stderr]).toEqual([0, '']);
  }
});
afterAll(async () => {
  await writer?.stop();
  world?.dispose();
  await operator?.dispose();
  await lab?.stop();
});

describe('hosts whose login shells are noisy', () => {
  it('are used all the same, and a create whose initdb is killed is finished', async () => {
    const wanted = await shop({ hosts: ['host-1'] });
    const run = world.begin(wanted.command);
    await run.says(/start shop\.n1\.host-1 …/);
    const initdb = await until('initdb', 20_000, async () => {
      const pids = await one.pids(/^\S*\/(initdb|postgres) .*(--boot|--single|-D|--pgdata)/);
      return pids.length > 0 ? pids : undefined;
    });
    for (const pid of initdb) process.kill(pid, 'SIGKILL');
    expect([0, 1]).toContain((await run.ended).exitCode);
    await expectSettled(world);
    await expectConverges(world, wanted);
    world.survived('initdb killed');
    writer = await startWriter({
      hosts: lab.hosts.map(({ address }) => address),
      ...{ port: 5433, database: 'shop', user: 'app', password: CANARY },
    });
  });
});

describe('a link that is cut for a minute in the middle of a base backup', () => {
  it('leaves one base backup at a time, and the operation ends well or is resumed', async () => {
    await one.run(`fallocate -l ${BALLAST}M /var/lib/pgctl/shop.n1.host-1/data/ballast`, {
      user: 'postgres',
    });
    await two.slow(MEGABITS);
    const wanted = await shop({ hosts: ['host-1', 'host-2'] });
    const backups = watchBaseBackups(one, two);
    const run = world.begin(wanted.command);
    await run.says(/start shop\.n1\.host-2 …/);
    const copied = 'select coalesce(max(backup_streamed), 0) from pg_stat_progress_basebackup';
    await until('base backup', 60_000, async () =>
      Number(await sql(one, copied)) > 20_000_000 ? true : undefined,
    );
    await two.cutOff();
    await delay(CUT_MS);
    await two.slow(null);
    await two.heal();
    expect([0, 9]).toContain((await run.ended).exitCode);
    await expectTruthful(world);
    await expectConverges(world, wanted);
    expect(await backups.most()).toEqual({ sent: 1, received: 1 });
    await expectRows(one, writer.acknowledged);
    world.survived('link cut in a base backup');
  });
});

describe('a disk that is full', () => {
  it('is told in time, and the same command goes on once there is room', async () => {
    const wanted = await shop({ hosts: ['host-1', 'host-2', 'host-3'] });
    const run = world.begin(wanted.command);
    // After the checks, which would have refused it, and before the copy.
    await run.says(/marking the planned work/);
    try {
      expect((await three.run(`mkdir -p ${FENCES} && fallocate -l 1200M ${FENCES}/ballast`)).exitCode).toBe(
        0,
      );
      const since = performance.now();
      const ran = await run.ended;
      expect(performance.now() - since).toBeLessThan(TOLD_MS);
      expect(ran.exitCode).toBe(1);
      expect(ran.stderr).toContain('No space left on device');
      await expectSettled(world);
    } finally {
      await three.run(`rm ${FENCES}/ballast`);
    }
    await expectConverges(world, wanted);
    world.survived('disk full');
  });
});

describe('a host that is lost, or stops answering, in the middle', () => {
  const ALL = ['host-1', 'host-2', 'host-3'];

  it('a primary that is lost during an update: the update is finished when the host is back, and no row is lost', async () => {
    const wanted = await shop({ hosts: ALL, max_connections: 130 });
    const safe = [...writer.acknowledged];
    const run = world.begin(wanted.command);
    await run.says(/reconfigure shop\.n1\.host-1 …/);
    await one.kill();
    const since = performance.now();
    const { exitCode } = await run.ended;
    expect(performance.now() - since).toBeLessThan(SILENCE_MS);
    expect([1, 6, 9]).toContain(exitCode);
    const refused = await world.run([...wanted.command, '--connect-timeout', '2s', '-o', 'json']);
    expect([refused.exitCode, codeOf(refused)]).toEqual([6, 'host_unreachable']);
    await one.boot();
    await expectConverges(world, wanted);
    await expectRows(one, safe);
    world.survived('primary lost in an update');
  });

  it('a host that is switched off and on in the middle of a create', async () => {
    const file = await writeSpec(lab, { id: 'late', hosts: ['host-2'], port: 5434 });
    const wanted = { command: ['db', 'create', '-f', file], plan: ['-f', file] };
    const run = world.begin(wanted.command);
    await run.says(/start late\.n1\.host-2 …/);
    await two.reboot();
    const since = performance.now();
    expect([0, 1, 6, 9]).toContain((await run.ended).exitCode);
    expect(performance.now() - since).toBeLessThan(SILENCE_MS);
    await expectTruthful(world);
    await expectConverges(world, wanted);
    world.survived('host switched off and on in a create');
  });

  it('a host whose sshd hangs is given up in time, before or in the middle', async () => {
    const restart = ['instance', 'restart', 'late.n1.host-2', '--connect-timeout', '3s'];
    const wanted = {
      command: restart,
      plan: ['-f', await writeSpec(lab, { id: 'late', hosts: ['host-2'], port: 5434 })],
    };
    const before = await written();
    const sshd = await two.pids(/^sshd: .*listener/);
    for (const pid of sshd) process.kill(pid, 'SIGSTOP');
    const refused = await world.run([...restart, '-o', 'json']);
    expect([refused.exitCode, codeOf(refused), await written()]).toEqual([6, 'host_unreachable', before]);
    for (const pid of sshd) process.kill(pid, 'SIGCONT');

    // The step takes as long as this is stopped, so that it is under way when the host stops answering.
    const patroni = await two.pids(/patroni\S* \S+late\S+patroni\.yml/);
    expect(patroni).toHaveLength(1);
    for (const pid of patroni) process.kill(pid, 'SIGSTOP');
    const run = world.begin(restart);
    await run.says(/restart late\.n1\.host-2 …/);
    await until('a step on host-2', 20_000, async () => {
      const pids = await two.pids(/^sh -euc |^\S*python\S* -c /);
      return pids.length > 0 ? true : undefined;
    });
    await two.freeze();
    const since = performance.now();
    expect((await run.ended).exitCode).toBe(9);
    expect(performance.now() - since).toBeLessThan(SILENCE_MS);
    for (const pid of patroni) process.kill(pid, 'SIGCONT');
    await two.thaw();
    await expectTruthful(world);
    await expectConverges(world, wanted);
    for (const when of ['before', 'in the middle of']) world.survived(`host frozen ${when} a restart`);
  });

  it('a host with another key than before is not talked to, and nothing changes', async () => {
    const before = await written();
    const key = '/etc/ssh/ssh_host_ed25519_key';
    await two.run(`mv ${key} /root/key; ssh-keygen -q -t ed25519 -N '' -f ${key}; systemctl restart ssh`);
    const refused = await world.run(['db', 'restart', 'late', '-o', 'json']);
    expect([refused.exitCode, codeOf(refused), await written()]).toEqual([6, 'host_unreachable', before]);
    expect(refused.stdout).toMatch(/host key|HOST IDENTIFICATION/i);
    await two.run(`mv -f /root/key ${key}; systemctl restart ssh`);
    world.survived('host key changed');
    for (const id of ['late', 'shop'])
      await expectConverges(world, { command: ['db', 'delete', id, '--yes'], plan: null });
  });
});
