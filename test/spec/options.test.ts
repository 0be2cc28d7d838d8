import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/errors.ts';
import { formatIssue, invalidSpec, locateIssues } from '../../src/spec/issue.ts';
import { specFromOptions } from '../../src/spec/options.ts';
import type { SpecOptions } from '../../src/spec/options.ts';
import { read, specOf } from './fixtures.ts';

const VALID: SpecOptions = { id: 'shop', hosts: ['host-1', 'host-2'] };

describe('a spec made of command-line options', () => {
  it('is the spec of a file that says the same', () => {
    const result = specFromOptions({ ...VALID, port: '5433', postgresVersion: '17' });
    const file = specOf(
      '{id: shop, port: 5433, postgres_version: 17, nodes: [{name: n1, host_ids: [host-1, host-2]}]}',
    );
    expect(result.ok && result.spec).toEqual(file);
  });

  it.each<[change: Partial<SpecOptions>, error: string]>([
    [
      { id: 'Shop' },
      'database: "Shop" is not an id; use 1 to 36 of a-z, 0-9 and single hyphens, with a letter or digit at both ends',
    ],
    [
      { id: 'postgres' },
      'database: is missing, and the id "postgres" cannot stand in for it; give the database another name',
    ],
    [{ hosts: [] }, '--hosts: is empty; a node needs at least one host'],
    [
      { hosts: ['a', 'a'] },
      '--hosts: the host "a" is in this node already (host_ids[0]); name each host once',
    ],
    [
      { hosts: ['a', ''] },
      '--hosts: "" is not an id; use 1 to 36 of a-z, 0-9 and single hyphens, with a letter or digit at both ends',
    ],
    [{ port: '70000' }, '--port: must be a whole number from 1024 to 65535, not 70000'],
    [{ port: 'x' }, '--port: must be a whole number from 1024 to 65535, not the text "x"'],
    [{ postgresVersion: '9.6' }, '--postgres-version: Postgres "9.6" is not supported; use 15, 16, 17 or 18'],
  ])('names the option: %o', (change, error) => {
    const result = specFromOptions({ ...VALID, ...change });
    expect(result.ok ? [] : result.issues.map((issue) => formatIssue('command line', issue))).toEqual([
      error,
    ]);
  });

  it('names the option for what is found later', () => {
    const result = specFromOptions(VALID);
    const [issue] = result.ok
      ? locateIssues(result.positions, [{ path: 'nodes[0].host_ids[1]', message: 'no such host' }])
      : [];
    expect(issue && formatIssue('command line', issue)).toBe('--hosts: no such host');
  });
});

describe('the error of an invalid spec', () => {
  const issues = [
    { path: 'id', message: 'is missing; give the database an id', line: 1, column: 1 },
    { path: '', message: 'the file is empty; fill it', line: 2, column: 3 },
  ];

  it('holds every issue, and ends in exit code 64', () => {
    const error = invalidSpec('shop.yaml', issues);
    expect(error.message).toBe('shop.yaml has 2 errors');
    expect(error.details).toEqual([
      'shop.yaml:1:1: id: is missing; give the database an id',
      'shop.yaml:2:3: the file is empty; fill it',
    ]);
    expect(error.hint).toBe('Nothing was touched. Correct the spec and run the command again.');
    expect(error.exitCode).toBe(EXIT.usage);
  });

  it.each([
    ['-', 'standard input has 1 error'],
    ['command line', 'the command line has 1 error'],
  ])('calls %s by its name', (file, message) => {
    expect(invalidSpec(file, issues.slice(0, 1)).message).toBe(message);
  });

  it('has the places of issues that were found after reading', () => {
    const result = read('id: shop\nnodes:\n  - name: n1\n    host_ids:\n      - a\n      - b\n', '-');
    const found = result.ok
      ? locateIssues(result.positions, [{ path: 'nodes[0].host_ids[1]', message: 'no such host' }])
      : [];
    expect(invalidSpec('-', found).details).toEqual(['-:6:9: nodes[0].host_ids[1]: no such host']);
  });
});
