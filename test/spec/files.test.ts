import { describe, expect, it } from 'vitest';
import { errorsOf, read, specOf, withLines } from './fixtures.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('a file that is no spec', () => {
  it.each<[title: string, text: string | Uint8Array, errors: string[]]>([
    ['empty', '', ['1:1: the file is empty; a spec needs at least an id and nodes']],
    ['blank', '\n  \n', ['1:1: the file is empty; a spec needs at least an id and nodes']],
    ['only comments', '# a spec\n', ['1:1: the file is empty; a spec needs at least an id and nodes']],
    ['a list', '- a', ['1:1: the spec is a list; it must be a map of fields such as id and nodes']],
    ['a text', 'hello', ['1:1: the spec is text; it must be a map of fields such as id and nodes']],
    ['null', 'null', ['1:1: the spec is nothing; it must be a map of fields such as id and nodes']],
    [
      'binary',
      bytes(0x61, 0x0a, 0x45, 0x4c, 0x00),
      ['2:3: the file is not text: it holds the control character U+0000; a spec is YAML or JSON in UTF-8'],
    ],
    [
      'Latin-1',
      bytes(0x61, 0x3a, 0x0a, 0x62, 0xe4, 0x0a),
      ['2:2: the file is not UTF-8 text; a spec is YAML or JSON in UTF-8'],
    ],
    [
      'UTF-16',
      bytes(0xff, 0xfe, 0x61, 0x00),
      ['1:1: the file is not UTF-8 text; a spec is YAML or JSON in UTF-8'],
    ],
    [
      'too large',
      'a'.repeat(1024 * 1024 + 1),
      ['1:1: the file has more than 1048576 bytes; a spec is much smaller'],
    ],
    ['two documents', 'id: a\n---\nid: b\n', ['2:1: the file holds several documents; keep one']],
    [
      'with a directive',
      '%YAML 1.1\n---\nid: a\n',
      ['1:1: YAML directives are not supported; remove the line that starts with %'],
    ],
    [
      'indented with tabs',
      'id: shop\nnodes:\n\t- name: n1\n',
      ['3:1: a tab is used for indentation; use spaces'],
    ],
    [
      'a bracket left open',
      'id: shop\nnodes: [{name: n1\nport: 1\n',
      ['3:1: the indentation does not fit; align the fields of one map, and close what [ or { opened'],
    ],
    [
      'a quote left open',
      'id: "shop\nport: 1\n',
      ['3:1: something is missing here: a closing quote or bracket, a comma, or a ": " after a field name'],
    ],
    [
      'a colon in a value',
      'id: shop: a\n',
      ['1:5: a map cannot start in the middle of a line; put a value with ": " in it in quotes'],
    ],
    [
      'a reserved character',
      'id: @shop\n',
      ['1:5: a value cannot start with this character; put it in quotes'],
    ],
    [
      'a bad escape',
      'id: "sh\\qop"\n',
      ['1:8: this is no escape sequence; write \\\\ for a backslash, or use single quotes'],
    ],
    [
      'a list in a map',
      'id: shop\n- nodes\n',
      ['2:1: a field name goes over several lines; write "name: value", and check the line before'],
    ],
    [
      'JSON cut short',
      '{"id": "shop", "nodes": [',
      ['1:26: the indentation does not fit; align the fields of one map, and close what [ or { opened'],
    ],
    ['a list as a field name', '? [a]\n: 1\n', ['1:3: a field name is a list or a map; it must be text']],
    [
      'nested too deeply',
      '['.repeat(100_000),
      ['1:65: the file nests too deeply; a spec has at most 64 levels'],
    ],
  ])('%s', (_title, text, errors) => {
    expect(errorsOf(text)).toEqual(errors.map((error) => `shop.yaml:${error}`));
  });

  it.each<[title: string, line: string, error: string]>([
    ['a field given twice', 'id: other', '3:1: id: is given twice; keep one'],
    ['a field given twice, in quotes', '"id": other', '3:1: id: is given twice; keep one'],
    ['a merge key', '<<: {port: 5432}', '3:1: ["<<"]: merge keys are not supported; write the fields out'],
    [
      'a tag',
      'port: !!int "5432"',
      '3:13: port: tags are not supported; remove the tag, or put a value that starts with ! in quotes',
    ],
    [
      'an alias to nothing',
      'port: *port',
      '3:7: port: this alias has no anchor before it; put a value that starts with * in quotes',
    ],
    [
      'an alias inside what it names',
      'pg_hba_conf: &a [*a]',
      '3:18: pg_hba_conf[0]: this alias stands inside what it names; write the value out',
    ],
    [
      'a name of 200 characters',
      `${'x'.repeat(200)}: 1`,
      '3:1: a field name has 200 characters; check the quotes before it',
    ],
    [
      'half a character',
      'tenant_id: "\\ud800"',
      '3:12: tenant_id: holds half of a surrogate pair; write the character itself',
    ],
  ])('%s', (_title, line, error) => {
    expect(errorsOf(withLines(line))).toEqual([`shop.yaml:${error}`]);
  });

  it('is refused where aliases multiply', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (let n = 0; n < 9; n += 1) {
      const name = String.fromCharCode(98 + n);
      const before = String.fromCharCode(97 + n);
      bomb.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`);
    }
    expect(errorsOf(bomb.join('\n'))).toContainEqual(
      expect.stringContaining('aliases make more than 30000 values of this file; write fewer'),
    );
  });
});

describe('a spec in another form', () => {
  it.each<[title: string, text: string]>([
    ['JSON', '{"id":"shop","nodes":[{"name":"n1","host_ids":["a"]}]}'],
    [
      'JSON indented with tabs',
      '{\n\t"id": "shop",\n\t"nodes": [\n\t\t{"name": "n1", "host_ids": ["a"]}\n\t]\n}\n',
    ],
    ['a byte order mark', '\ufeffid: shop\nnodes: [{name: n1, host_ids: [a]}]'],
    ['Windows line ends', 'id: shop\r\nnodes:\r\n  - name: n1\r\n    host_ids: [a]\r\n'],
    ['a document start and end', '---\nid: shop\nnodes: [{name: n1, host_ids: [a]}]\n...\n'],
    ['an anchor and its alias', 'id: &name shop\ndatabase_name: *name\nnodes: [{name: n1, host_ids: [a]}]'],
  ])('%s', (_title, text) => {
    expect(specOf(text)).toEqual(specOf(withLines()));
  });

  it('has its places counted in lines of Windows, too', () => {
    expect(errorsOf('id: shop\r\nport: 1\r\nnodes: [{name: n1, host_ids: [a]}]')).toEqual([
      'shop.yaml:2:7: port: must be a whole number from 1024 to 65535, not 1',
    ]);
  });
});

describe('time', () => {
  const MIB = 1024 * 1024;
  const full = (piece: string): string => piece.repeat(Math.ceil(MIB / piece.length)).slice(0, MIB);
  it.each<[title: string, text: string]>([
    ['brackets', full('[')],
    ['closing brackets', full(']')],
    ['dashes', full('- ')],
    [
      'fields',
      Array.from({ length: 100_000 }, (_, n) => `k${n}: 1`)
        .join('\n')
        .slice(0, MIB),
    ],
    ['the same field', full('a: 1\n')],
    ['bad escapes', `a: "${full('\\x').slice(0, MIB - 10)}"`],
    ['quotes', full('""')],
    ['tags', full('! ').slice(0, 59_000)],
    ['aliases', full('*a ')],
    ['one long line', `id: ${'x'.repeat(MIB - 10)}`],
    ['one long text', `id: |\n${full(' x\n').slice(0, MIB - 10)}`],
    ['percent signs', full('%YAML\n')],
    ['unknown fields', `{${Array.from({ length: 7000 }, (_, n) => `k${n}: 1`).join(',')}}`],
    [
      'users',
      withLines(
        'database_users:',
        ...Array.from({ length: 2000 }, (_, n) => `- {username: u${n}, roles: [u${n + 1}]}`),
      ),
    ],
  ])('is short for a file full of %s', (_title, text) => {
    const start = performance.now();
    read(text);
    // Alone it takes half of this at most; the rest is for a machine that is busy with other tests.
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
