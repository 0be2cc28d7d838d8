import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Operator, operatorOf } from '../../e2e/pgctl.ts';
import { until } from '../../lab/command.ts';
import { type Lab, type LabHost, startLab } from '../../lab/lab.ts';
import { type Convergence, expectAtRest, expectConverges, expectTruthful } from '../invariants.ts';
import { sql } from './rows.ts';
import { writeSpec } from './spec.ts';
import { type LabWorld, worldOf } from './world.ts';

const FENCES = '/var/lib/pgctl/.fence';
/** Patroni looks at its Postgres every 10 s, and starts it again. */
const RESTARTED_MS = 40_000;

let lab: Lab;
let operator: Operator;
let world: LabWorld;
let one: LabHost;
let two: LabHost;

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
  [one, two] = [lab.host('host-1'), lab.host('host-2')];
  await two.run('mkdir -p /var/lib/pgctl && mount -t tmpfs -o size=1200m,mode=0755 small /var/lib/pgctl');
  operator = await operatorOf(lab.etcd.endpoints);
  world = worldOf(lab, operator);
});
afterAll(async () => {
  world?.dispose();
  await operator?.dispose();
  await lab?.stop();
});

const add = (host: LabHost): ReturnType<LabWorld['run']> =>
  world.run([
    ...['host', 'add', host.id, '--address', host.address, '--identity-file', lab.identityFile],
    ...['--host-key-fingerprint', host.hostKeyFingerprint],
  ]);

/** Every Postgres server of a host: the process that all its others are children of. */
const servers = (host: LabHost): Promise<number[]> => host.pids(/^\S*\/postgres -D /);

/**
 * Kills a process; undefined where it is gone already: children of a killed server, which end with it, look like it
 * until they have a name of their own.
 */
function kill(pid: number): true | undefined {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return undefined;
  }
}

async function created(id: string, host: LabHost, port: number): Promise<Convergence> {
  const file = await writeSpec(lab, { id, hosts: [host.id], port });
  return { command: ['db', 'create', '-f', file], plan: ['-f', file] };
}

describe('a host whose clock is an hour off', () => {
  it('is told so, and is taken all the same: what follows is done there', async () => {
    // As far as what pgctl runs there asks for the time.
    const late = `#!/bin/sh\nexec /usr/bin/date -d '+1 hour' "$@"\n`;
    await one.run('cat > /usr/local/bin/date; chmod 755 /usr/local/bin/date', { input: late });
    const [added] = await Promise.all([add(one), add(two)]);
    expect([added.exitCode, added.stderr]).toEqual([0, expect.stringMatching(/clock is off by 3[56]\d\d/)]);
    world.survived('clock an hour off');
  });
});

describe('a Postgres that is killed', () => {
  it('while its instance is being created is started again, and the create is finished', async () => {
    const wanted = await created('shop', one, 5434);
    const killed: number[] = [];
    const run = world.begin(wanted.command);
    for (let kills = 0; kills < 2; kills++) {
      await until('a Postgres of shop', 60_000, async () => {
        const pid = (await servers(one)).find((each) => !killed.includes(each));
        if (pid === undefined) return undefined;
        killed.push(pid);
        return kill(pid);
      });
    }
    expect([0, 1, 9]).toContain((await run.ended).exitCode);
    await expectTruthful(world);
    await expectConverges(world, wanted);
    world.survived('Postgres killed while it is created');
  });

  it('when its create is over is started again, and nobody has to do anything', async () => {
    const wanted = await created('shop', one, 5434);
    const started = 'select pg_postmaster_start_time()';
    const before = await sql(one, started, { port: 5434 });
    for (const pid of await servers(one)) process.kill(pid, 'SIGKILL');
    await until('another Postgres', RESTARTED_MS, () =>
      sql(one, started, { port: 5434 }).then(
        (now) => (now === before ? undefined : true),
        () => undefined,
      ),
    );
    await expectConverges(world, wanted);
    world.survived('Postgres killed after its create');
  });
});

describe('an etcd that is put back to an old snapshot', () => {
  it('is told so, and the same command then goes on; Patroni and the data stay as they are', async () => {
    const wanted = await created('shop', one, 5434);
    const putBack = await lab.etcd.snapshot();
    const restart = ['db', 'restart', 'shop'];
    await sql(one, 'create table kept as select 42 as row', { port: 5434 });
    // The host sees operations that the snapshot knows nothing of.
    for (let n = 0; n < 2; n++) expect(await world.run(restart)).toMatchObject({ exitCode: 0 });
    await putBack();
    const told = await world.run(restart);
    expect([told.exitCode, told.stderr]).toEqual([
      1,
      expect.stringContaining('etcd was put back to an earlier state'),
    ]);
    await expectTruthful(world);
    await expectConverges(world, { ...wanted, command: restart });
    expect(await sql(one, 'select row from kept', { port: 5434 })).toBe('42');
    world.survived('etcd put back to an old snapshot');
  });
});

describe('a disk without any room', () => {
  it('keeps nothing from being deleted', async () => {
    const wanted = await created('full', two, 5435);
    await expectConverges(world, wanted);
    const filled = await two.run(
      `cat /dev/zero > ${FENCES}/ballast; df --output=avail ${FENCES} | tail -n 1`,
    );
    expect(filled.stdout.trim()).toBe('0');
    try {
      const { exitCode, stderr } = await world.run(['db', 'delete', 'full', '--yes']);
      expect([exitCode, exitCode === 0 ? '' : stderr]).toEqual([0, '']);
    } finally {
      await two.run(`rm ${FENCES}/ballast`);
    }
    await expectAtRest(world);
    world.survived('disk full at a delete');
    await expectConverges(world, { command: ['db', 'delete', 'shop', '--yes'], plan: null });
  });
});
