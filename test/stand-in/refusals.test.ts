import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PointsWorld } from '../faults/points/world.ts';

let world: PointsWorld;
const specs = new Map<string, string>();

beforeAll(async () => {
  world = await PointsWorld.start(['h1', 'h2', 'h3', 'h4']);
  const of = async (name: string, text: string): Promise<void> =>
    void specs.set(name, await world.spec(text));
  await of('shop', 'id: shop\nnodes: [{name: n1, host_ids: [h1, h2]}]\n');
  await of('nobody', 'id: shop\nnodes: [{name: n1, host_ids: []}]\n');
  await of('larger', 'id: shop\nnodes: [{name: n1, host_ids: [h1, h2, h3]}]\n');
  await of(
    'wider',
    'id: shop\nnodes: [{name: n1, host_ids: [h1, h2, h4]}]\npostgresql_conf: {work_mem: 8MB}\n',
  );
  await of('renamed', 'id: shop\ndatabase_name: other\nnodes: [{name: n1, host_ids: [h1, h2]}]\n');
  await of('stranger', 'id: shop\nnodes: [{name: n1, host_ids: [h1, h9]}]\n');
  await world.expectRun(['db', 'create', '-f', specs.get('shop') ?? '']);
  await world.expectRun(['instance', 'stop', 'shop.n1.h2']);
  await world.machines.lose('h3');
});
afterAll(() => world?.stop());

/** `%name` stands for the file with that spec. */
const filled = (words: string): string[] =>
  words.split(' ').map((word) => (word.startsWith('%') ? (specs.get(word.slice(1)) ?? word) : word));

test.each<readonly [what: string, command: string, code: number, said: string]>([
  ['a database that is not there, with a near name', 'db get shp', 5, 'shop'],
  ['an update of what is not there', 'db restart shopp', 5, 'shop'],
  ['an instance that is not there', 'instance restart shop.n1.h7', 5, 'shop.n1.h'],
  ['a host that is not there', 'host get h7', 5, 'h7'],
  ['the loss of a host that nobody knows', 'recover --remove-host h7 --yes', 5, 'h7'],
  ['a node without instances', 'db update -f %nobody', 64, 'host_ids'],
  ['an id beside a spec, which has its own', 'db update blog -f %shop', 64, 'exclude each other'],
  ['another name of the database', 'db update -f %renamed', 64, 'cannot be renamed'],
  ['a host that is not registered', 'db update -f %stranger', 64, 'h9'],
  ['an instance on a host that is down', 'db update -f %larger', 6, 'h3'],
  ['a restart of what is stopped', 'instance restart shop.n1.h2', 64, 'is stopped'],
  ['a host that answers, as lost', 'recover --remove-host h1 --yes', 6, 'answers'],
  ['a delete without a word and nobody to ask', 'db delete shop', 8, '--yes'],
  ['a create of what is there, with another spec', 'db create -f %larger', 4, 'db apply'],
])('%s is refused, and nothing is changed', async (_, command, code, said) => {
  const before = await world.dump();
  const ran = await world.run([...filled(command), '-o', 'json']);
  expect([ran.exitCode, ran.stdout], ran.stderr).toEqual([code, expect.stringContaining(said)]);
  expect(JSON.parse(ran.stdout)).toMatchObject({ kind: 'Error' });
  expect(await world.dump()).toEqual(before);
});

test('an update of what another operation holds is refused with who holds it', async () => {
  const lock = await world.store.acquireLock(
    'shop',
    {
      who: 'ann',
      from: { host: 'elsewhere', boot_id: 'b', pid: 1 },
      command: 'db restart shop',
      task_id: '20260102-030405678-abc123',
      since: '2026-01-02T03:04:05.000Z',
    },
    { waitMs: 0 },
  );
  try {
    const ran = await world.run(filled('db update -f %shop -o json'));
    expect([ran.exitCode, JSON.parse(ran.stdout)]).toMatchObject([4, { code: 'lock_held' }]);
    expect(ran.stdout).toContain('ann from elsewhere');
  } finally {
    await lock.release();
  }
});

test.each([
  ['a stop of what is stopped', 'instance stop shop.n1.h2'],
  ['the same spec', 'db apply -f %shop'],
  ['a create with the same spec', 'db create -f %shop'],
])('%s is no change', async (_, command) => {
  const ran = await world.run([...filled(command), '-o', 'json']);
  expect([ran.exitCode, JSON.parse(ran.stdout)], ran.stderr).toMatchObject([0, { changed: false }]);
});

test('what is wrong on every host is said at once: one that fell silent, and one where something is in the way', async () => {
  await mkdir(join(world.machines.dir, 'h4', 'base', 'shop.n1.h4'));
  await world.machines.lose('h2');
  const before = await world.dump();
  const ran = await world.run([...filled('db update -f %wider'), '-o', 'json']);
  expect(ran.exitCode, ran.stdout).toBe(6);
  const { code, details } = JSON.parse(ran.stdout) as { code: string; details: string[] };
  expect(code).toBe('host_unreachable');
  expect(details).toEqual([
    expect.stringMatching(/^h2: /),
    expect.stringMatching(/^h4: .*an empty directory that pgctl did not make/),
  ]);
  expect(await world.dump()).toEqual(before);
});
