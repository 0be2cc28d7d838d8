import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Lab, startLab } from '../lab/lab.ts';
import { addHosts, type Operator, operatorOf, PROGRAM } from './pgctl.ts';

let lab: Lab;
let operator: Operator;

beforeAll(async () => {
  lab = await startLab({ hosts: 2 });
  operator = await operatorOf(lab.etcd.endpoints);
  await addHosts(operator, lab);
});
afterAll(async () => {
  await operator?.dispose();
  await lab?.stop();
});

const CREATE = ['db', 'create', 'shop', '--hosts', 'host-1,host-2'];
const RECOVER = ['recover', '--remove-host', 'host-1', '--yes', '-o', 'json'];

/** Kills a create when it says this. */
async function killWhen(said: string): Promise<void> {
  const create = execa('node', [PROGRAM, ...CREATE], {
    ...{ env: operator.env, extendEnv: false, reject: false, stdin: 'ignore', buffer: false },
  });
  let log = '';
  create.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
    if (log.includes(said)) create.kill('SIGKILL');
  });
  expect((await create).signal).toBe('SIGKILL');
}

describe('a database whose create was killed when the first of its instances was up', () => {
  it('is finished by the same command, though Patroni runs already', async () => {
    await killWhen('start shop.n1.host-1 … ok');
    const result = await operator.json<{ database: { state: string } }>(CREATE);
    expect(result.database.state).toBe('available');
    await operator.json(['db', 'delete', 'shop', '--yes']);
  });

  it('has its last copy on that host as long as the other one has none', async () => {
    // So that its base backup cannot come about.
    await lab.host('host-2').run(`ip route add blackhole ${lab.host('host-1').address}/32`);
    await killWhen('start shop.n1.host-1 … ok');
    await lab.host('host-1').kill();
    const refused = await operator.run(RECOVER);
    expect([refused.exitCode, JSON.parse(refused.stdout)]).toMatchObject([
      8,
      { code: 'confirmation_needed', message: expect.stringContaining('last copy') as string },
    ]);
    expect((await operator.run(['recover', '--remove-host', 'host-1', '--dry-run'])).stderr).toContain(
      'shop.n1.host-2 never had a whole copy',
    );
    const allowed = await operator.run([...RECOVER, '--allow-data-loss']);
    expect([allowed.exitCode, JSON.parse(allowed.stdout)]).toMatchObject([
      0,
      { databases: [{ id: 'shop', state: null, error: null }] },
    ]);
    const left = await lab
      .host('host-2')
      .run('ls /var/lib/pgctl /etc/systemd/system | grep shop; pgrep -u postgres -a');
    expect(left.stdout).toBe('');
    const keys = [...(await lab.etcd.dump('/pgctl/')).keys()].filter((key) => !key.includes('/task'));
    expect(keys.filter((key) => key.includes('shop'))).toEqual([]);
  });
});
