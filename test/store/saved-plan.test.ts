import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PlanDocument } from '../../src/plan/summary.ts';
import type { Store } from '../../src/store/store.ts';
import { pgctl } from '../commands/run.ts';
import { FACTS } from '../plans/fixtures.ts';
import { startEtcd, type Etcd } from './etcd.ts';
import { database, host, instance, KEY_FILE, lockOf, storeOn } from './fixtures.ts';

// A host that has all that a plan looks at, and nothing that could run: plans are made, none gets through.
let etcd: Etcd;
let store: Store;
let home = '';
const file = (name: string): string => join(home, name);

beforeAll(async () => {
  etcd = await startEtcd();
  home = mkdtempSync(join(tmpdir(), 'pgctl-plan-'));
  for (const program of ['postgres', 'patroni', 'python3']) {
    writeFileSync(file(program), '#!/bin/sh\n');
    chmodSync(file(program), 0o755);
  }
  store = storeOn(etcd);
  await store.prepareToChange();
  await store.hosts.put(
    host('here', {
      address: 'local',
      service_manager: 'process',
      base_dir: file('base'),
      facts: {
        ...FACTS,
        privileges: 'none',
        run_user: userInfo().username,
        postgres: [{ version: '17.5', bin_dir: home }],
        patroni: { version: '4.0.4', path: file('patroni'), python: file('python3') },
      },
    }),
    'absent',
  );
});
afterAll(async () => {
  store.close();
  await etcd.stop();
  rmSync(home, { recursive: true, force: true });
});

const run = (...argv: readonly string[]) =>
  pgctl([...argv, '-o', 'json'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      XDG_CONFIG_HOME: home,
      PGCTL_ENDPOINTS: etcd.endpoint,
      PGCTL_PREFIX: store.prefix,
      PGCTL_SECRET_KEY_FILE: KEY_FILE,
    },
  });

const SPEC = { id: 'shop', port: 45431, patroni_port: 45432, nodes: [{ name: 'n1', host_ids: ['here'] }] };

async function plan(spec: object): Promise<PlanDocument & { saved_to: string }> {
  writeFileSync(file('spec.json'), JSON.stringify(spec));
  const { code, stdout } = await run('db', 'plan', '-f', file('spec.json'), '--out', file('plan.json'));
  expect([code, stdout]).toEqual([0, expect.any(String)]);
  return JSON.parse(stdout);
}

const saved = (): unknown => JSON.parse(readFileSync(file('plan.json'), 'utf8'));

/** What applying the plan that was saved ends in. */
async function applied(...more: readonly string[]): Promise<unknown> {
  const { code, stdout } = await run('db', 'apply', file('plan.json'), ...more);
  return { exit: code, ...JSON.parse(stdout) };
}

async function put(...ids: readonly string[]): Promise<void> {
  const lock = await lockOf(store);
  const writes = ids.map((id) =>
    id.includes('.')
      ? store.instances.write(instance(id, { port: 45431, patroni_port: 45432 }), 'any')
      : store.databases.write(database(id, { spec: { ...SPEC, database_name: 'shop' } }), 'any'),
  );
  await lock.commit(writes);
  await lock.release();
}

beforeEach(async () => {
  const lock = await lockOf(store);
  await lock.commit([
    { kind: 'delete', key: store.keys.database('shop'), expect: 'any' },
    { kind: 'delete_prefix', prefix: store.keys.instancesOf('shop') },
    { kind: 'delete_prefix', prefix: store.keys.patroniOf('shop') },
  ]);
  await lock.release();
});

describe('a saved plan', () => {
  test('holds the spec, what it was made against and what was shown, for nobody else to read', async () => {
    const { saved_to, ...document } = await plan(SPEC);
    expect(saved_to).toBe(file('plan.json'));
    expect(statSync(saved_to).mode & 0o777).toBe(0o600);
    expect(saved()).toMatchObject({
      format: 'pgctl-plan',
      version: 1,
      spec: { ...SPEC, database_name: 'shop' },
      made_against: { 'database shop': null },
      places: [{ instance_id: 'shop.n1.here', port: 45431, patroni_port: 45432 }],
      plan: document,
    });
  });

  test('is rehearsed as it was planned', async () => {
    const { saved_to: _, ...document } = await plan(SPEC);
    expect(await applied('--dry-run')).toEqual({ exit: 0, ...document, operation: 'apply' });
  });

  test('is not carried out once its database is there', async () => {
    await plan(SPEC);
    await put('shop');
    expect(await applied()).toMatchObject({
      exit: 4,
      code: 'stale',
      details: ['database shop was made since'],
    });
  });

  test('is not carried out once a record that it was made against is another, and names it', async () => {
    await put('shop', 'shop.n1.here');
    await plan(SPEC);
    await put('shop.n1.here');
    expect(await applied()).toMatchObject({
      exit: 4,
      code: 'stale',
      details: ['instance shop.n1.here has changed'],
    });
    await plan(SPEC);
    await put('shop.n2.gone');
    expect(await applied()).toMatchObject({ exit: 4, details: ['instance shop.n2.gone was made since'] });
  });

  test('is not carried out where the same records lead to another plan', async () => {
    await put('shop', 'shop.n1.here');
    await plan(SPEC);
    const key = `${store.keys.patroniNamespace}shop.n1/leader`;
    const lock = await lockOf(store);
    await lock.commit([{ kind: 'put', key, value: 'here', expect: 'any' }]);
    await lock.release();
    expect(await applied()).toMatchObject({ exit: 4, code: 'stale' });
  });

  test.each<[title: string, change: (text: string) => string, message: RegExp]>([
    ['that was changed', (text) => text.replaceAll('45431', '45441'), /was changed after it was saved/],
    [
      'whose plan was changed',
      (text) => text.replace('does_not_exist', 'has_error'),
      /was changed after it was saved/,
    ],
    ['that is none', () => '{"kind":"Plan"}', /is not a saved plan/],
    ['that is a spec', () => JSON.stringify(SPEC), /is not a saved plan/],
    ['that is no JSON', () => 'id: shop', /is not a saved plan/],
    [
      'of another version',
      (text) => text.replace('"version": 1', '"version": 2'),
      /another version of pgctl/,
    ],
  ])('%s is refused', async (_, change, message) => {
    await plan(SPEC);
    writeFileSync(file('plan.json'), change(readFileSync(file('plan.json'), 'utf8')));
    expect(await applied()).toMatchObject({ exit: 64, message: expect.stringMatching(message) });
  });

  test('of another etcd is refused', async () => {
    await plan(SPEC);
    expect(await applied('--prefix', '/other')).toMatchObject({
      exit: 64,
      message: expect.stringContaining('another etcd'),
    });
  });

  test('is refused with a spec or an option beside it, and where there is none', async () => {
    await plan(SPEC);
    expect(await applied('--force-update')).toMatchObject({ exit: 64, code: 'usage' });
    expect(await applied('-f', file('spec.json'))).toMatchObject({ exit: 64, code: 'usage' });
    rmSync(file('plan.json'));
    expect(await applied()).toMatchObject({
      exit: 64,
      message: expect.stringContaining('there is no saved plan'),
    });
  });

  test('is not made of a spec that sets a password, and nothing is left of it', async () => {
    writeFileSync(
      file('spec.json'),
      JSON.stringify({ ...SPEC, database_users: [{ username: 'app', password: 'hunter2', db_owner: true }] }),
    );
    const { code, stdout } = await run('db', 'plan', '-f', file('spec.json'), '--out', file('secret.json'));
    expect([code, JSON.parse(stdout)]).toMatchObject([
      64,
      { message: expect.stringContaining('password for app') },
    ]);
    expect(() => statSync(file('secret.json'))).toThrow('ENOENT');
    expect(stdout).not.toContain('hunter2');
  });

  test('is not made of a delete, nor where it cannot be written', async () => {
    await put('shop');
    expect(await run('db', 'plan', '--delete', 'shop', '--out', file('x.json'))).toMatchObject({ code: 64 });
    writeFileSync(file('spec.json'), JSON.stringify(SPEC));
    const nowhere = await run('db', 'plan', '-f', file('spec.json'), '--out', file('no/such/plan.json'));
    expect([nowhere.code, nowhere.stdout]).toEqual([64, expect.stringContaining('cannot be saved')]);
  });
});
