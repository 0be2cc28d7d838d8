import { describe, expect, test } from 'vitest';
import {
  arrayOf,
  boolean,
  byKind,
  integer,
  json,
  jsonObject,
  mapOf,
  nullable,
  number,
  object,
  oneOf,
  optional,
  originShape,
  type Shape,
  string,
  where,
} from '../../src/store/shapes.ts';

const place = object<{ host: string; port: number; labels: Readonly<Record<string, string>> }>({
  host: string,
  port: integer(1, 65_535),
  labels: mapOf(string),
});
const executor = byKind<{ kind: 'host'; host: string } | { kind: 'controller' }>({
  host: object({ host: string }),
  controller: object({}),
});
const sound = { host: 'a', port: 1, labels: {} };

describe('a shape', () => {
  test.each<[value: unknown, shape: Shape<unknown>]>([
    ['', string],
    [false, boolean],
    [-1.5, number],
    [0, integer()],
    [65_535, integer(1, 65_535)],
    [null, json],
    [{ a: [1] }, jsonObject],
    ['b', oneOf(['a', 'b'])],
    [null, nullable(string)],
    [undefined, optional(string)],
    [[], arrayOf(string)],
    [['a', 'b'], arrayOf(string)],
    [{ a: 'x' }, mapOf(string)],
    [sound, place],
    [{ ...sound, newer: { field: [1] } }, place],
    [JSON.parse('{"host":"a","port":1,"labels":{"__proto__":"x"}}'), place],
    [{ kind: 'host', host: 'a' }, executor],
    [{ kind: 'controller', more: 1 }, executor],
    [{ host: 'a', boot_id: 'b', pid: 7 }, originShape],
  ])('%j has its own', (value, shape) => {
    expect(shape(value)).toBeNull();
  });

  test.each<[value: unknown, shape: Shape<unknown>, where: string, message: string]>([
    [1, string, '', 'expected string'],
    ['true', boolean, '', 'expected boolean'],
    ['1', number, '', 'expected number'],
    [NaN, number, '', 'expected number'],
    [1.5, integer(), '', 'expected whole number'],
    [2 ** 53, integer(), '', 'expected whole number'],
    [0, integer(1), '', 'expected whole number from 1 on'],
    [65_536, integer(1, 65_535), '', 'expected whole number from 1 to 65535'],
    [undefined, json, '', 'expected a value'],
    [[], jsonObject, '', 'expected object'],
    [null, jsonObject, '', 'expected object'],
    ['c', oneOf(['a', 'b']), '', 'expected one of a, b'],
    ['toString', oneOf(['a', 'b']), '', 'expected one of a, b'],
    [undefined, nullable(string), '', 'expected string'],
    [null, optional(string), '', 'expected string'],
    [{}, arrayOf(string), '', 'expected array'],
    [['a', 1], arrayOf(string), '1', 'expected string'],
    [[], mapOf(string), '', 'expected object'],
    [{ a: 'x', b: 1 }, mapOf(string), 'b', 'expected string'],
    ['x', place, '', 'expected object'],
    [{ port: 0 }, place, 'host', 'expected string'],
    [{ ...sound, port: 0 }, place, 'port', 'expected whole number'],
    [{ ...sound, labels: { a: {} } }, place, 'labels.a', 'expected string'],
    [[], executor, '', 'expected object'],
    [{ kind: 'other' }, executor, 'kind', 'expected one of host, controller'],
    [{ kind: 'host' }, executor, 'host', 'expected string'],
  ])('%j has not: %#', (value, shape, path, message) => {
    const found = shape(value);
    expect(found?.path.join('.')).toBe(path);
    expect(found?.message).toContain(message);
  });

  test('can have a rule about several of its fields, which is asked where each is sound', () => {
    const ordered = where(object<{ from: number; to: number }>({ from: number, to: number }), {
      holds: ({ from, to }) => from <= to,
      field: 'to',
      message: 'it ends before it begins',
    });
    expect(ordered({ from: 1, to: 2 })).toBeNull();
    expect(ordered({ from: 2, to: 1 })).toEqual({ path: ['to'], message: 'it ends before it begins' });
    expect(ordered({ from: 2 })?.message).toContain('expected number');
  });

  test('tells nothing of a value that has it not', () => {
    const wrong = [string([{ geheim: 1 }]), oneOf(['a'])('geheim'), place({ host: 'a', port: 'geheim' })];
    expect(JSON.stringify(wrong)).not.toContain('geheim');
  });
});
