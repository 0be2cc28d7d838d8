import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAtEveryPoint } from './every-point.ts';
import { PointsWorld } from './world.ts';

let world: PointsWorld;
beforeAll(async () => {
  world = await PointsWorld.start(['h1', 'h2']);
});
afterAll(() => world?.stop());

test('a restart, a stop and a start that are killed at any point are finished by running them again', async () => {
  const spec = await world.spec(`id: shop
nodes: [{name: n1, host_ids: [h1, h2]}]
`);
  await world.expectRun(['db', 'create', '-f', spec]);
  const plan = ['-f', spec];
  const [restarted = 0, stopped = 0, started = 0] = await killAtEveryPoint(world, [
    { command: ['db', 'restart', 'shop'], plan },
    { command: ['instance', 'stop', 'shop.n1.h1'], plan },
    { command: ['instance', 'start', 'shop.n1.h1'], plan },
  ]);
  expect([restarted > 10, stopped > 5, started > 5]).toEqual([true, true, true]);
  world.report({ 'rolling restart': restarted, 'stop of the primary': stopped, start: started });
});
