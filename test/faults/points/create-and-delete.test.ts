import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAtEveryPoint } from './every-point.ts';
import { CANARY, PointsWorld } from './world.ts';

let world: PointsWorld;
beforeAll(async () => {
  world = await PointsWorld.start(['h1', 'h2']);
});
afterAll(() => world?.stop());

test('a create and a delete that are killed at any point are finished by running them again', async () => {
  const spec = await world.spec(`id: shop
nodes: [{name: n1, host_ids: [h1, h2]}]
database_users: [{username: app, password: ${CANARY}, db_owner: true, attributes: [LOGIN]}]
`);
  const [created = 0, deleted = 0] = await killAtEveryPoint(world, [
    { command: ['db', 'create', '-f', spec], plan: ['-f', spec] },
    { command: ['db', 'delete', 'shop', '--yes'], plan: null },
  ]);
  expect([created > 30, deleted > 20]).toEqual([true, true]);
  world.report({ create: created, delete: deleted });
});
