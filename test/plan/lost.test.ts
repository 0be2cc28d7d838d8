import { describe, expect, it } from 'vitest';
import { abandonLost } from '../../src/plan/lost.ts';
import { planOperation } from '../../src/plan/plan-operation.ts';
import { planRefresh } from '../../src/plan/refresh.ts';
import { keys, onHost, onPrimary, resource, stored, words } from './fixtures.ts';

const scope = stored('scope/n1');
const onOne = [
  stored('directory/h1', onHost('h1')),
  stored('instance/h1', { ...onHost('h1'), dependencies: ['directory/h1', 'scope/n1'] }),
];
const onTwo = [
  stored('directory/h2', onHost('h2')),
  stored('instance/h2', { ...onHost('h2'), dependencies: ['directory/h2', 'scope/n1'] }),
];
const node = stored('node/n1', { ...onPrimary('n1'), dependencies: ['instance/h1', 'instance/h2'] });
const role = stored('role/app', { ...onPrimary('n1'), dependencies: ['node/n1'], contained_in: 'node/n1' });
const current = [scope, ...onOne, ...onTwo, node, role];
const lost = (...hosts: string[]) => new Set(hosts);

describe('abandonLost', () => {
  it('drops nothing where no host is lost', () => {
    expect(abandonLost(current, lost())).toEqual({ kept: current, abandoned: [] });
  });

  it('drops the resources of the host, and none of the node while another host has it', () => {
    expect(keys(abandonLost(current, lost('h1')).abandoned)).toEqual(['instance/h1', 'directory/h1']);
  });

  it("drops the node's resources with its last host, and not the controller's", () => {
    const { kept, abandoned } = abandonLost(current, lost('h1', 'h2'));
    expect(keys(kept)).toEqual(['scope/n1']);
    expect(keys(abandoned)).toEqual([
      'role/app',
      'node/n1',
      'instance/h1',
      'instance/h2',
      'directory/h1',
      'directory/h2',
    ]);
  });

  it('drops the last resources of a node that an earlier recovery took a host from', () => {
    const rest = [...onTwo, { ...node, dependencies: ['instance/h1', 'instance/h2'] as const }, role];
    expect(keys(abandonLost(rest, lost('h2')).kept)).toEqual([]);
  });

  it('keeps the resources of another node that depend on this one', () => {
    const other = [
      stored('instance/h3', onHost('h3')),
      stored('node/n2', { ...onPrimary('n2'), dependencies: ['instance/h3', 'node/n1'] }),
    ];
    expect(keys(abandonLost([...current, ...other], lost('h1', 'h2')).kept)).toEqual([
      'scope/n1',
      'instance/h3',
      'node/n2',
    ]);
    expect(keys(abandonLost([...current, ...other], lost('h3')).abandoned)).toEqual([
      'node/n2',
      'instance/h3',
    ]);
  });

  it('keeps a node of which no host is known: nothing is dropped on a guess', () => {
    expect(keys(abandonLost([node, role], lost('h1')).kept)).toEqual(['node/n1', 'role/app']);
  });

  it('drops what is contained in what is dropped, however deep', () => {
    const nested = [
      stored('file/a', { contained_in: 'directory/h1' }),
      stored('line/a', { contained_in: 'file/a' }),
      stored('file/b', { contained_in: 'directory/h2' }),
    ];
    expect(keys(abandonLost([...current, ...nested], lost('h1')).abandoned)).toEqual([
      'instance/h1',
      'directory/h1',
      'file/a',
      'line/a',
    ]);
  });

  it('leaves what is dropped out of the refresh', () => {
    const phases = planRefresh(current, { lostHosts: lost('h1') });
    expect(phases.map(keys)).toEqual([
      ['directory/h2', 'scope/n1'],
      ['instance/h2'],
      ['node/n1'],
      ['role/app'],
    ]);
  });
});

describe('planOperation without lost hosts', () => {
  const survivor = { ...node, dependencies: ['instance/h2'] as const, attributes: { hosts: ['h2'] } };

  it('plans the state without them, and no event on them', () => {
    const desired = [[scope, ...onTwo, survivor, role]];
    const operation = planOperation({ current, desired, lostHosts: lost('h1') });
    expect(keys(operation.abandoned)).toEqual(['instance/h1', 'directory/h1']);
    expect(words(operation)).toEqual([
      [['update node/n1 (has_diff)'], ['update role/app (dependency_updated)']],
    ]);
  });

  it('deletes on the controller what is left of a node that went with its hosts', () => {
    const operation = planOperation({ current, desired: [[]], lostHosts: lost('h1', 'h2') });
    expect(words(operation)).toEqual([[['delete scope/n1 (not_desired)']]]);
  });

  it('refuses to create or update anything on them', () => {
    const desired = [[scope, ...onOne, resource('unit/h1', onHost('h1'))]];
    expect(() => planOperation({ current, desired, lostHosts: lost('h1') })).toThrowError(
      expect.objectContaining({
        code: 'unplannable',
        message: 'create directory/h1 is planned on h1, which is lost.',
        details: [
          'create directory/h1 is planned on h1, which is lost',
          'create unit/h1 is planned on h1, which is lost',
          'create instance/h1 is planned on h1, which is lost',
        ],
      }),
    );
  });
});
