import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectConverges } from '../invariants.ts';
import { PointsWorld } from './world.ts';

let world: PointsWorld;
beforeAll(async () => {
  world = await PointsWorld.start(['h1', 'h2']);
});
afterAll(() => world?.stop());

/** Of the points of a create, which are some forty; the others are much like their neighbours. */
const STRIDE = 4;

test('a create that is killed, and whose first host is then lost, is recovered to the other host, or goes', async () => {
  const whole = await world.spec('id: shop\nnodes: [{name: n1, host_ids: [h1, h2]}]\n');
  const left = await world.spec('id: shop\nnodes: [{name: n1, host_ids: [h2]}]\n');
  let tried = 0;
  for (let point = 2; ; point += STRIDE) {
    const create = await world.attempt(['db', 'create', '-f', whole], point);
    if (create.kind === 'ended') break;
    tried++;
    await world.machines.lose('h1');
    try {
      const command = ['recover', '--remove-host', 'h1', '--yes', '--allow-data-loss'];
      await world.expectRun(command);
      const gone = (await world.store.databases.get('shop')) === null;
      await expectConverges(world, { command, plan: gone ? null : ['-f', left] });
      await expectConverges(world, { command: ['db', 'delete', 'shop', '--yes'], plan: null });
    } catch (error) {
      throw new Error(`killed at point ${point}, before: ${create.at}`, { cause: error });
    }
    await world.machines.replace('h1');
    await world.register('h1');
  }
  expect(tried).toBeGreaterThan(5);
  world.report({ 'create that is killed, and its first host lost': tried });
});
