import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Etcd, startEtcd } from '../../store/etcd.ts';
import { expectConverges, expectSettled } from '../invariants.ts';
import { CANARY, PointsWorld } from './world.ts';

let etcd: Etcd;
let world: PointsWorld;

const specOf = (id: string, hosts: readonly string[]): Promise<string> =>
  world.spec(`id: ${id}
nodes: [{name: n1, host_ids: [${hosts.join(', ')}]}]
database_users: [{username: app, password: ${CANARY}, db_owner: true, attributes: [LOGIN]}]
`);

const storeId = async (): Promise<string> => (await world.store.meta())?.store_id ?? '';

beforeAll(async () => {
  const starting = startEtcd();
  world = await PointsWorld.start(['h1', 'h2'], { etcd: starting });
  etcd = await starting;
});
afterAll(() => world?.stop());

describe('an etcd that is put back to an old snapshot', () => {
  it('is told so, and the same command then goes on with what the hosts have', async () => {
    const small = await specOf('shop', ['h1']);
    const large = await specOf('shop', ['h1', 'h2']);
    await world.expectRun(['db', 'create', '-f', small]);
    const putBack = await etcd.snapshot();
    const before = await storeId();
    // What the hosts see after the snapshot.
    await world.expectRun(['db', 'update', '-f', large]);
    await world.expectRun(['db', 'restart', 'shop']);
    await putBack();

    const told = await world.run(['db', 'update', '-f', large]);
    expect([told.exitCode, told.stderr]).toEqual([
      1,
      expect.stringContaining('etcd was put back to an earlier state'),
    ]);
    await expectSettled(world);
    expect(await storeId()).not.toBe(before);
    await expectConverges(world, { command: ['db', 'update', '-f', large], plan: ['-f', large] });
    await expectConverges(world, { command: ['db', 'delete', 'shop', '--yes'], plan: null });
    world.survived('etcd put back to an old snapshot');
  });

  it('that knows nothing of a database takes and harms nothing of it', async () => {
    const putBack = await etcd.snapshot();
    const late = await specOf('late', ['h2']);
    await world.expectRun(['db', 'create', '-f', late]);
    const server = (await world.machines.instances()).find(
      ({ instanceId }) => instanceId === 'late.n1.h2',
    )?.pid;
    await putBack();

    const refused = await world.run(['db', 'create', '-f', late]);
    expect([refused.exitCode, refused.stderr]).toEqual([
      6,
      expect.stringMatching(/late\.n1\.h2 is there already|port 5432 is taken/),
    ]);
    const again = (await world.machines.instances()).find(({ instanceId }) => instanceId === 'late.n1.h2');
    expect([again?.running, again?.pid]).toEqual([true, server]);
    const { stdout } = await world.run(['doctor']);
    expect(stdout).toMatch(/late\.n1\.h2: .* no record knows it/);
    world.survived('etcd put back to an old snapshot');
    await world.machines.replace('h2');
  });

  it('that still has a database which is deleted says that it does not run, and deletes it once more', async () => {
    const file = await specOf('gone', ['h1']);
    await world.expectRun(['db', 'create', '-f', file]);
    const putBack = await etcd.snapshot();
    await world.expectRun(['db', 'delete', 'gone', '--yes']);
    await putBack();
    await world.dump();
    const shown = await world.run(['db', 'get', 'gone', '-o', 'json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ state: 'degraded', instances: [{ state: 'unknown' }] });
    const command = ['db', 'delete', 'gone', '--yes'];
    // Told that etcd was put back only where the delete's token is not reached again by then.
    await world.expectRun(command, [0, 1]);
    await expectConverges(world, { command, plan: null });
    world.survived('etcd put back to an old snapshot');
  });
});
