import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAtEveryPoint } from './every-point.ts';
import { PointsWorld } from './world.ts';

let world: PointsWorld;
beforeAll(async () => {
  world = await PointsWorld.start(['h1', 'h2']);
});
afterAll(() => world?.stop());

test('a recover that is killed at any point is finished by running it again', async () => {
  const specs = async (hosts: string, name: string, port: number): Promise<string> =>
    world.spec(`id: ${name}\nport: ${port}\nnodes: [{name: n1, host_ids: [${hosts}]}]\n`);
  const whole = [await specs('h1, h2', 'shop', 5432), await specs('h1, h2', 'mail', 6432)];
  /** The host that is lost, and what `shop` is planned with when it is gone: the primaries are there, each time. */
  const cases = [
    { lost: 'h1', left: await specs('h2', 'shop', 5432) },
    { lost: 'h2', left: await specs('h1', 'shop', 5432) },
  ];
  const points = await killAtEveryPoint(
    world,
    cases.map(({ lost, left }, index) => ({
      turn: (point) => point % 2 === index,
      prepare: async () => {
        for (const host of ['h1', 'h2']) {
          if ((await world.store.hosts.get(host)) !== null) continue;
          await world.machines.replace(host);
          await world.register(host);
        }
        for (const spec of whole) await world.expectRun(['db', 'apply', '-f', spec]);
        await world.machines.lose(lost);
      },
      command: ['recover', '--remove-host', lost, '--yes'],
      plan: ['-f', left],
    })),
  );
  const recovered = points.reduce((sum, each) => sum + each, 0);
  expect(recovered).toBeGreaterThan(20);
  world.report({ 'recover of two databases after the loss of a host': recovered });
});
