import { describe, expect, it } from 'vitest';
import type { Resource } from '../../src/plan/resource.ts';
import { typeOf } from '../../src/resources/registry.ts';
import { anInstance, CONTEXT, DIR, INSTANCE, ONE_OF_EACH } from './fixtures.ts';

const one = (type: string): Resource => {
  const found = ONE_OF_EACH.find((resource) => resource.type === type);
  if (found === undefined) throw new Error(`no ${type}`);
  return found;
};
const said = (stdout: string) => [{ exitCode: 0, stdout }];

const refreshed = (resource: Resource, outputs: readonly { exitCode: number; stdout: string }[]) =>
  typeOf(resource).refresh(resource, CONTEXT)?.read(outputs);

describe('a refresh', () => {
  const foreignDirectory = {
    kind: 'failed',
    error: `${DIR} is not this instance's: its stamp is another's or missing`,
  };
  const foreignUnit = {
    kind: 'failed',
    error: `/etc/systemd/system/pgctl-${INSTANCE}.service is not this instance's`,
  };
  it.each<[type: string, stdout: string, found: object]>([
    ['directory', 'ours\n', { kind: 'found' }],
    ['directory', 'absent\n', { kind: 'not_found' }],
    ['directory', 'foreign\n', foreignDirectory],
    ['directory', '', foreignDirectory],
    ['unit', 'ours\n', { kind: 'found' }],
    ['unit', 'absent\n', { kind: 'not_found' }],
    ['unit', 'foreign\n', foreignUnit],
    ['unit', '', foreignUnit],
    ['process', 'ours\n', { kind: 'found' }],
    ['process', 'absent\n', { kind: 'not_found' }],
    ['patroni_config', 'found\n', { kind: 'found' }],
    ['patroni_config', 'absent\n', { kind: 'not_found' }],
    ['instance', 'up\n', { kind: 'found' }],
    ['instance', 'down\n', { kind: 'not_found' }],
  ])('of a %s that says %j', (type, stdout, found) => {
    expect(refreshed(one(type), said(stdout))).toEqual(found);
  });

  it.each(['directory', 'unit'])('of a %s that said nothing at all does not take it for absent', (type) => {
    expect(refreshed(one(type), [])).toMatchObject({ kind: 'failed' });
  });

  it.each(['patroni_scope', 'node', 'role', 'postgres_database'])(
    'of a %s asks nothing of a host',
    (type) => {
      expect(typeOf(one(type)).refresh(one(type), CONTEXT)).toBeNull();
    },
  );
});

describe('a check', () => {
  it.each(['directory', 'unit', 'instance'])('of a %s finds one thing a line', (type) => {
    const check = typeOf(one(type)).check?.(one(type), { previous: null, copyBytes: null }, CONTEXT);
    expect(check?.read(said(''))).toEqual([]);
    expect(check?.read([])).toEqual([]);
    expect(check?.read(said('port 5432 is taken\n\nno space\n'))).toEqual([
      { message: 'port 5432 is taken' },
      { message: 'no space' },
    ]);
  });
});

describe('what an instance saw of itself', () => {
  it.each<[title: string, outputs: string[], version: string]>([
    ['as a primary', ['', 'primary 17.5\n'], '17.5'],
    ['as a replica', ['', 'replica 15.14\n'], '15.14'],
    ['as a beta', ['', 'primary 18beta1\n'], '18beta1'],
  ])('%s', (_title, outputs, serverVersion) => {
    const seen = typeOf(anInstance()).observe?.(outputs.map((stdout) => ({ exitCode: 0, stdout })));
    expect(seen).toEqual({ serverVersion });
  });

  it('is nothing when it was not started', () => {
    expect(typeOf(anInstance()).observe?.([])).toBeNull();
    expect(typeOf(anInstance()).observe?.([{ exitCode: 0, stdout: 'handed over to host-2' }])).toBeNull();
  });
});
