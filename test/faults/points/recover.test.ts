import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAtEveryPoint } from './every-point.ts';
import { World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await World.start(['h1', 'h2', 'h3']);
});
afterAll(() => world?.stop());

test('a recover that is killed at any point is finished by running it again', async () => {
  const whole = await world.spec(`id: shop
nodes: [{name: n1, host_ids: [h1, h2]}]
`);
  const left = await world.spec(`id: shop
nodes: [{name: n1, host_ids: [h2]}]
`);
  const other = await world.spec(`id: mail
nodes: [{name: n1, host_ids: [h3, h1], port: 6432}]
`);
  const prepare = async (): Promise<void> => {
    await world.json(['db', 'delete', 'shop', '--yes'], [0, 5]);
    await world.hosts.replace('h1');
    if ((await world.store.hosts.get('h1')) === null) await world.register('h1');
    await world.json(['db', 'create', '-f', whole]);
    await world.json(['db', 'apply', '-f', other]);
    await world.hosts.lose('h1');
  };
  const [recovered = 0] = await killAtEveryPoint(world, [
    { prepare, command: ['recover', '--remove-host', 'h1', '--yes'], planned: ['-f', left] },
  ]);
  expect(recovered).toBeGreaterThan(20);
  world.report({ 'recover of two databases after the loss of a host': recovered });
});
