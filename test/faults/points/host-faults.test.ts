import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ran } from '../../e2e/pgctl.ts';
import { SSH } from '../../stand-in/hosts.ts';
import { expectConverges, expectSettled } from '../invariants.ts';
import { CANARY, PointsWorld } from './world.ts';

let world: PointsWorld;

const specOf = (hosts: readonly string[], workMem = '4MB'): Promise<string> =>
  world.spec(`id: shop
nodes: [{name: n1, host_ids: [${hosts.join(', ')}]}]
postgresql_conf: {work_mem: ${workMem}}
database_users: [{username: app, password: ${CANARY}, db_owner: true, attributes: [LOGIN]}]
`);

beforeAll(async () => {
  world = await PointsWorld.start(['h1', 'h2']);
});
afterAll(() => world?.stop());

describe('a disk that can only be read', () => {
  it('is told before anything is marked, where something new is to be made on it', async () => {
    const mend = await world.machines.makeReadOnly('h1');
    const file = await specOf(['h1', 'h2']);
    const command = ['db', 'create', '-f', file];
    const before = await world.dump();
    const refused = await world.run(command);
    expect([refused.exitCode, refused.stderr]).toEqual([
      6,
      expect.stringMatching(/h1: .* cannot be written to/),
    ]);
    expect(await world.dump()).toEqual(before);
    await mend();
    await expectConverges(world, { command, plan: ['-f', file] });
    world.survived('read-only disk');
  });

  it.each<[what: string, of: () => Promise<readonly string[]>]>([
    ['an update', async () => ['db', 'update', '-f', await specOf(['h1', 'h2'], '8MB')]],
    ['a restart', () => Promise.resolve(['db', 'restart', 'shop'])],
    ['a delete', () => Promise.resolve(['db', 'delete', 'shop', '--yes'])],
  ])('fails %s with what the host says, and the same command goes on when it is mended', async (_, of) => {
    const command = await of();
    const plan = command.includes('delete') ? null : ['-f', await specOf(['h1', 'h2'], '8MB')];
    const mend = await world.machines.makeReadOnly('h2');
    const failed = await world.run(command);
    expect([failed.exitCode, failed.stderr]).toEqual([
      1,
      expect.stringMatching(/h2: .*Read-only file system/),
    ]);
    await expectSettled(world);
    await mend();
    await expectConverges(world, { command, plan });
    world.survived('read-only disk');
  });
});

describe('a login shell that prints 100 MB before anything else', () => {
  /** In place of ssh: prints that much on this descriptor for every command that is run. */
  async function floodOn(descriptor: 1 | 2): Promise<string> {
    const file = join(world.machines.dir, `ssh-${descriptor}`);
    const flood = `head -c 100000000 /dev/zero | tr '\\0' x >&${descriptor}`;
    await writeFile(file, `#!/bin/sh\ncase " $* " in *' -T '*) ${flood} ;; esac\nexec ${SSH} "$@"\n`, {
      mode: 0o755,
    });
    return file;
  }
  const withSsh = (args: readonly string[], program: string): Promise<Ran> =>
    world.run(args, { PGCTL_SSH: program });

  it('on stdout is refused as a host that cannot be used, and nothing is changed', async () => {
    const before = await world.dump();
    const refused = await withSsh(['db', 'create', '-f', await specOf(['h1'])], await floodOn(1));
    expect([refused.exitCode, refused.stderr]).toEqual([
      6,
      expect.stringMatching(/h1: it printed more than \d+ characters/),
    ]);
    expect(await world.dump()).toEqual(before);
    world.survived('100 MB of output');
  });

  it('on stderr is used all the same', async () => {
    const file = await specOf(['h1']);
    const created = await withSsh(['db', 'create', '-f', file], await floodOn(2));
    expect([created.exitCode, created.exitCode === 0 ? '' : created.stderr]).toEqual([0, '']);
    await expectConverges(world, { command: ['db', 'create', '-f', file], plan: ['-f', file] });
    world.survived('100 MB of output');
  });
});
