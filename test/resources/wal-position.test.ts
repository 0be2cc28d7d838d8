import { describe, expect, it } from 'vitest';
import { newestOf, readWalPosition } from '../../src/resources/wal-position.ts';

const control = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `${`${name}:`.padEnd(38)}${value}`)
    .join('\n');

const position = (timeline: number, location: bigint) => ({ runs: false, timeline, location });

describe('where the data of an instance stands', () => {
  it('is the last checkpoint of what was a primary', () => {
    const stdout = control({
      'Latest checkpoint location': '1/4422AD8',
      "Latest checkpoint's TimeLineID": '2',
      'Minimum recovery ending location': '0/0',
    });
    expect(readWalPosition(stdout)).toEqual(position(2, 0x1_04422ad8n));
  });

  it('is where recovery has to come to of what was a replica', () => {
    const stdout = control({
      'Latest checkpoint location': '0/4400000',
      "Latest checkpoint's TimeLineID": '2',
      'Minimum recovery ending location': '0/4422B50',
    });
    expect(readWalPosition(`runs\n${stdout}`)).toEqual({ ...position(2, 0x4422b50n), runs: true });
  });

  it('is the very beginning where there is no data', () => {
    expect(readWalPosition('')).toEqual(position(0, 0n));
  });
});

describe('the newest of several', () => {
  it.each([
    ['by timeline before position', [position(1, 900n), position(2, 100n)], 1],
    ['by position on one timeline', [position(2, 100n), position(2, 101n), position(2, 99n)], 1],
    ['the first of equals', [position(2, 100n), position(2, 100n)], 0],
  ])('%s', (_title, positions, newest) => {
    expect(newestOf(positions)).toBe(newest);
  });
});
