import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { emptyHome, pgctl } from './run.ts';

const { home, remove } = emptyHome();
afterAll(remove);
const env = { HOME: home };

const GOOD = `id: shop
nodes:
  - name: n1
    host_ids: [host-1]
database_users:
  - {username: app, password: canary-3d9a, db_owner: true}
`;
// Three things wrong, in places that can be named.
const BAD = `id: Shop
nodes:
  - name: n1
    host_ids: [host-1, host-1]
colour: blue
`;

function fileOf(name: string, content: string | Uint8Array): string {
  const file = join(home, name);
  writeFileSync(file, content);
  return file;
}
const validate = (file: string, more: readonly string[] = [], stdin: string | Uint8Array = '') =>
  pgctl(['spec', 'validate', file, ...more], { env, stdin });

describe('spec validate', () => {
  it('says that a valid spec is valid', async () => {
    const file = fileOf('good.yaml', GOOD);
    expect(await validate(file)).toEqual({
      code: 0,
      stdout: `${file} is valid: database shop.\n`,
      stderr: '',
    });
  });

  it('takes it from standard input', async () => {
    expect(await validate('-', [], GOOD)).toMatchObject({ code: 0, stderr: '' });
  });

  it.each<[format: string, read: (text: string) => unknown]>([
    ['json', (text) => JSON.parse(text) as unknown],
    ['yaml', (text) => parse(text) as unknown],
  ])('gives it back as %s, without its passwords', async (format, read) => {
    const { code, stdout } = await validate('-', ['-o', format], GOOD);
    expect(code).toBe(0);
    expect(read(stdout)).toMatchObject({
      kind: 'Spec',
      id: 'shop',
      spec: { id: 'shop', nodes: [{ name: 'n1' }] },
    });
    expect(stdout).not.toContain('canary');
  });

  it('names everything that is wrong, with its place', async () => {
    const file = fileOf('bad.yaml', BAD);
    const { code, stdout, stderr } = await validate(file);
    expect([code, stdout]).toEqual([64, '']);
    for (const place of ['1:5', '4:24', '5:1']) expect(stderr).toContain(`${file}:${place}`);
  });

  it('gives what is wrong as one document under -o json', async () => {
    const { code, stdout, stderr } = await validate('-', ['-o', 'json'], BAD);
    expect([code, stderr]).toEqual([64, '']);
    const document = JSON.parse(stdout) as { details: string[] };
    expect(document).toMatchObject({ kind: 'Error', code: 'invalid_spec', retriable: false });
    expect(document.details.map((line) => line.replace(/^(<stdin>:\d+:\d+):? .*/s, '$1'))).toEqual([
      '<stdin>:1:5',
      '<stdin>:4:24',
      '<stdin>:5:1',
    ]);
  });

  it.each<[title: string, content: string | Uint8Array, said: string]>([
    ['an empty file', '', 'the file is empty'],
    ['a binary file', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 1), 'the file is not text'],
    ['a file that is no UTF-8', Uint8Array.of(0x69, 0x64, 0x3a, 0x20, 0xff), 'the file is not UTF-8 text'],
    ['a file that is no YAML', 'id: [a\n', 'close'],
    ['a list', '- id: shop\n', 'the spec is a list'],
  ])('refuses %s, as a file and on standard input', async (_title, content, said) => {
    for (const file of [fileOf('given', content), '-']) {
      const { code, stdout, stderr } = await validate(file, [], content);
      expect([code, stdout]).toEqual([64, '']);
      expect(stderr).toContain(said);
      expect(stderr).toMatch(/:\d+:\d+: /);
    }
  });

  it.each([
    ['that is not there', 'nothing.yaml', 'ENOENT'],
    ['that is a directory', '.', 'EISDIR'],
  ])('refuses a file %s', async (_title, name, reason) => {
    const { code, stderr } = await validate(join(home, name));
    expect(code).toBe(64);
    expect(stderr).toContain(`cannot be read (${reason})`);
  });

  it('refuses more than a spec can be, without reading it to its end', async () => {
    const { code, stderr } = await validate('-', [], Buffer.alloc(5 * 1024 * 1024, '#'));
    expect([code, stderr]).toEqual([64, expect.stringContaining('<stdin>:1:1')]);
  });

  it('says nothing of a password that is wrong', async () => {
    const wrong = GOOD.replace('canary-3d9a', '[canary-3d9a]');
    const outcomes = await Promise.all(
      [[], ['-o', 'json'], ['-vv']].map((flags) => validate('-', flags, wrong)),
    );
    expect(outcomes.map(({ code }) => code)).toEqual([64, 64, 64]);
    expect(JSON.stringify(outcomes)).not.toContain('canary');
  });
});

describe('spec init', () => {
  it('prints a spec that validates, for the id and hosts that are given', async () => {
    const { code, stdout, stderr } = await pgctl(['spec', 'init', 'orders', '--hosts', 'a, b'], { env });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^id: orders$/m);
    expect(stdout).toMatch(/^ {4}host_ids: \[a, b\]$/m);
    expect(await validate('-', [], stdout)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('orders'),
    });
  });

  it('is one document under -o json', async () => {
    const { stdout } = await pgctl(['spec', 'init', '-o', 'json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'Spec', id: 'shop', spec: { id: 'shop' } });
  });

  it.each([
    ['an id', ['Shop'], '"Shop" is not an id'],
    ['a host', ['shop', '--hosts', 'a,$(x)'], '"$(x)" is not an id'],
  ])('refuses %s that is none', async (_title, argv, said) => {
    const { code, stdout, stderr } = await pgctl(['spec', 'init', ...argv], { env });
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toContain(said);
  });
});

describe('spec schema', () => {
  it.each(['text', 'json', 'yaml'])('is JSON under -o %s', async (format) => {
    const { code, stdout } = await pgctl(['spec', 'schema', '-o', format], { env });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('$schema');
  });
});
