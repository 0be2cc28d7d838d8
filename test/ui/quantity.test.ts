import { expect, test } from 'vitest';
import { count, formatBetween, formatBytes, formatDuration, formatTime } from '../../src/ui/quantity.ts';

test.each([
  [0, '0 ms'],
  [-5, '0 ms'],
  [0.4, '0 ms'],
  [850, '850 ms'],
  [999.6, '1.0 s'],
  [2345, '2.3 s'],
  [59_949, '59.9 s'],
  [59_950, '1 m 00 s'],
  [65_000, '1 m 05 s'],
  [3_599_499, '59 m 59 s'],
  [3_599_500, '1 h 00 m'],
  [7_440_000, '2 h 04 m'],
])('%d ms is %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_300_000, '1.2 MiB'],
  [1024 ** 2 - 1, '1.0 MiB'],
  [2.5 * 1024 ** 4, '2.5 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test('times are to the second, in UTC, and what is no time stays as it is', () => {
  expect(formatTime('2026-01-02T03:04:05.678Z')).toBe('2026-01-02 03:04:05Z');
  expect(formatTime('soon')).toBe('soon');
  expect(formatBetween('2026-01-02T03:04:05.000Z', '2026-01-02T03:04:07.300Z')).toBe('2.3 s');
  expect(formatBetween('2026-01-02T03:04:05.000Z', null)).toBeNull();
  expect(formatBetween('soon', '2026-01-02T03:04:07.300Z')).toBeNull();
});

test('one event, two events', () => {
  expect([count(0, 'event'), count(1, 'event'), count(2, 'event')]).toEqual([
    '0 events',
    '1 event',
    '2 events',
  ]);
});
