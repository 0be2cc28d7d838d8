import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAtEveryPoint } from './every-point.ts';
import { CANARY, PointsWorld } from './world.ts';

let world: PointsWorld;
beforeAll(async () => {
  world = await PointsWorld.start(['h1', 'h2']);
});
afterAll(() => world?.stop());

test('updates that are killed at any point are finished by running them again', async () => {
  const small = await world.spec(`id: shop
nodes: [{name: n1, host_ids: [h1]}]
`);
  const large = await world.spec(`id: shop
nodes: [{name: n1, host_ids: [h1, h2]}]
postgresql_conf: {max_connections: 200, work_mem: 16MB}
database_users: [{username: app, password: ${CANARY}, attributes: [LOGIN]}]
`);
  await world.expectRun(['db', 'create', '-f', small]);
  const [grown = 0, shrunk = 0] = await killAtEveryPoint(world, [
    { command: ['db', 'update', '-f', large], plan: ['-f', large] },
    { command: ['db', 'update', '-f', small], plan: ['-f', small] },
  ]);
  expect([grown > 20, shrunk > 20]).toEqual([true, true]);
  world.report({
    'update that adds a replica, settings and a user': grown,
    'update that takes them out': shrunk,
  });
});
