import { afterAll, describe, expect, it } from 'vitest';
import { psqlInstance } from '../../commands/shared/psql-instance.ts';
import { PgctlError } from '../../src/errors.ts';
import { database, instance } from '../ui/documents.ts';
import { emptyHome, pgctl } from './run.ts';

const { home, remove } = emptyHome();
afterAll(remove);
const env = { HOME: home };

const LOGS = ['instance', 'logs', 'shop.n1.host-1'];
const PSQL = ['db', 'psql', 'shop'];

describe('a wrong command line ends with 64 before etcd is asked', () => {
  it.each<[title: string, argv: string[], said: string]>([
    ['lines that are none', [...LOGS, '-n', 'many'], '--lines: "many" is not a whole number'],
    ['fewer than no lines', [...LOGS, '--lines=-1'], '--lines: "-1" is not a whole number'],
    ['a part of a line', [...LOGS, '-n', '1.5'], '--lines: "1.5" is not a whole number'],
    [
      'tasks that are no number',
      ['task', 'list', '-n', 'abc'],
      '--limit: "abc" is not a whole number from 1 on',
    ],
    ['no tasks', ['task', 'list', '--limit', '0'], '--limit: "0" is not a whole number from 1 on'],
    ['following in JSON', [...LOGS, '-f', '-o', 'json'], '--follow and --output json exclude each other'],
    ['following in YAML', [...LOGS, '-f', '-o', 'yaml'], '--follow and --output yaml exclude each other'],
    ['psql in JSON', [...PSQL, '-o', 'json', '--', '-c', 'select 1'], 'db psql has no json'],
    ['psql’s arguments without --', [...PSQL, '-c', 'select 1'], "unknown option '-c'"],
  ])('%s', async (_title, argv, said) => {
    const { code, stdout, stderr } = await pgctl(argv, { env });
    expect(code).toBe(64);
    expect(stdout + stderr).toContain(said.replaceAll('"', stdout === '' ? '"' : '\\"'));
  });

  it('but what is behind -- is psql’s', async () => {
    const { stderr } = await pgctl([...PSQL, '--instance', 'x', '--', '-o', 'json', '--help'], { env });
    expect(stderr).toContain('no etcd is known');
  });
});

describe('psql is for', () => {
  const shop = database({ instances: [instance(1), instance(2)] });
  const other = database({
    id: 'crm',
    instances: [instance(3, { instance_id: 'crm.n1.host-3', database_id: 'crm' })],
  });
  const found = (name: string | undefined, of = [shop, other], id = 'shop'): string =>
    psqlInstance(of, { database: id, instance: name }).instance_id;
  const refused = (...given: Parameters<typeof found>): PgctlError => {
    try {
      found(...given);
    } catch (error) {
      if (error instanceof PgctlError) return error;
    }
    throw new Error('it was not refused');
  };

  it('the primary, or the instance that is named', () => {
    expect(found(undefined)).toBe('shop.n1.host-1');
    expect(found('shop.n1.host-2')).toBe('shop.n1.host-2');
  });

  it('nobody while there is no primary', () => {
    const error = refused(undefined, [database({ instances: [instance(2), instance(3, { role: null })] })]);
    expect(error).toMatchObject({ exitCode: 1, message: 'database shop has no primary now' });
    expect(error.hint).toBe('Name one with --instance: shop.n1.host-2, shop.n1.host-3.');
  });

  it('no other database’s instance', () => {
    expect(refused('crm.n1.host-3')).toMatchObject({
      exitCode: 64,
      message: '--instance: crm.n1.host-3 is not an instance of shop',
    });
  });

  it('nothing that does not exist, with the name that is near', () => {
    expect(refused('shop.n1.host-22')).toMatchObject({
      exitCode: 5,
      hint: expect.stringContaining('shop.n1.host-2'),
    });
    expect(refused(undefined, [shop, other], 'shopp')).toMatchObject({
      exitCode: 5,
      hint: expect.stringContaining('did you mean "shop"?'),
    });
  });
});
