import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { STAMP_FILE } from '../../src/resources/directory.ts';
import {
  askGuardStep,
  guardAllows,
  type Leftover,
  leftoverText,
  lookForLeftoversStep,
  readLeftovers,
  removeLeftoverSteps,
} from '../../src/resources/leftovers.ts';
import { runSteps } from '../steps/run-steps.ts';

// Real processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const root = mkdtempSync(join(tmpdir(), 'pgctl-leftovers-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let base = '';
beforeEach(() => {
  base = mkdtempSync(join(root, 'x'));
});

/** A directory as pgctl makes it, with something in it. */
function made(instance: string, uid = 'u1', at = join(base, instance)): string {
  mkdirSync(join(at, 'bin'), { recursive: true });
  writeFileSync(join(at, STAMP_FILE), `${instance} ${uid}\n`);
  writeFileSync(join(at, 'rows'), 'rows');
  return at;
}

const look = (host = 'host-1'): readonly Leftover[] =>
  readLeftovers(runSteps([lookForLeftoversStep(base)]).outputs[0], host);

const SHOP = 'shop.n1.host-1';

describe('what pgctl left on a host', () => {
  it('is nothing where there is no base directory', () => {
    rmSync(base, { recursive: true });
    expect(look()).toEqual([]);
  });

  it('is what bears a stamp of that host, under its own name, and nothing beside it', () => {
    const dir = made(SHOP);
    made('shop.n1.host-10');
    made('shop.n1.host-2');
    made(SHOP, 'u1', join(base, 'copy-of-shop'));
    symlinkSync(dir, join(base, 'blog.n1.host-1'));
    mkdirSync(join(base, '.fence'));
    mkdirSync(join(base, 'other.n1.host-1'));
    writeFileSync(join(base, 'other.n1.host-1', STAMP_FILE), 'not a stamp\n');
    const before = readdirSync(base);
    const found = look();
    expect(found).toEqual([
      { instance_id: SHOP, database_uid: 'u1', dir, hasDirectory: true, hasUnit: false, running: false },
    ]);
    expect(runSteps(found.flatMap(removeLeftoverSteps)).status).toBe(0);
    expect(readdirSync(base)).toEqual(before.filter((name) => name !== SHOP));
    expect(look()).toEqual([]);
  });

  it('stays where its stamp became another’s', () => {
    made(SHOP);
    const found = look();
    made(SHOP, 'u2');
    expect(runSteps(found.flatMap(removeLeftoverSteps)).status).not.toBe(0);
    expect(readdirSync(join(base, SHOP))).toContain('rows');
  });

  it('is in use where its own guard says so', () => {
    const dir = made(SHOP);
    const asked = (): boolean => guardAllows(runSteps(look().map(askGuardStep)).outputs[0]);
    expect(asked()).toBe(false);
    for (const [status, allowed] of [
      [0, true],
      [1, false],
    ] as const) {
      writeFileSync(join(dir, 'bin/prepare'), `#!/bin/sh\n[ "$1" = guard ] && exit ${status}\n`);
      chmodSync(join(dir, 'bin/prepare'), 0o700);
      expect(asked()).toBe(allowed);
    }
  });

  it('is not looked for through what a file says beyond a plain path', () => {
    const line = (dir: string, id = SHOP, uid = 'u1'): string => `unit\t${id}\t${uid}\t${dir}\tno`;
    const read = (...lines: string[]): readonly Leftover[] =>
      readLeftovers({ exitCode: 0, stdout: lines.join('\n') }, 'host-1');
    expect(
      read(line(`/srv/../etc/${SHOP}`), line('/etc'), line(`srv/${SHOP}`), line(`/a b/${SHOP}`)),
    ).toEqual([]);
    expect(read(line(`/srv/${SHOP}`, SHOP, 'u1; reboot'), line('/srv/x', 'x'))).toEqual([]);
    const [both] = read(line(`/srv/${SHOP}`), `directory\t${SHOP}\tu1\t/srv/${SHOP}\tyes`);
    expect(both).toMatchObject({ hasUnit: true, hasDirectory: true, running: true });
    expect(leftoverText(both as Leftover)).toBe(
      `${SHOP} of database uid u1: directory /srv/${SHOP}, unit pgctl-${SHOP}.service; it runs`,
    );
    expect(
      removeLeftoverSteps(both as Leftover).map(({ kind, ...step }) => [
        kind,
        'name' in step ? step.name : '',
      ]),
    ).toEqual([
      ['script', `stop and remove pgctl-${SHOP}.service`],
      ['script', `stop Patroni of ${SHOP}`],
      ['script', `remove /srv/${SHOP}`],
    ]);
  });
});
