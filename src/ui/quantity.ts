import type { Timestamp } from '../records/types.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** `850 ms`, `2.3 s`, `1 m 05 s`, `2 h 04 m`. */
export function formatDuration(milliseconds: number): string {
  const ms = Math.max(0, Math.round(milliseconds));
  if (ms < SECOND) return `${ms} ms`;
  // In tenths first: 59.96 s is a minute, not `60.0 s`.
  const tenths = Math.round(ms / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(ms / SECOND);
  if (seconds * SECOND < HOUR) return `${Math.floor(seconds / 60)} m ${twoDigits(seconds % 60)} s`;
  const minutes = Math.round(ms / MINUTE);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} m`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `512 B`, `1.2 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `2026-01-02 03:04:05Z`: to the second, in UTC as it is stored. */
export function formatTime(time: Timestamp): string {
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/, '$1 $2Z');
}

/** From one time to another; null where one of them is not known. */
export function formatBetween(from: Timestamp, to: Timestamp | null): string | null {
  const ms = to === null ? NaN : Date.parse(to) - Date.parse(from);
  return Number.isNaN(ms) ? null : formatDuration(ms);
}

/** `1 event`, `3 events`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** A text in which sizes are in bytes, for people: `12 of 48 bytes` is `12 B of 48 B (25 %)`. */
export function withSizes(text: string): string {
  return text
    .replace(/(\d+) of (\d+) bytes/g, (_, done: string, total: string) => {
      const [a, b] = [Number(done), Number(total)];
      // What is copied meanwhile is copied on top.
      const share = b === 0 ? 100 : Math.min(100, Math.floor((100 * a) / b));
      return `${formatBytes(a)} of ${formatBytes(b)} (${share} %)`;
    })
    .replace(/(\d+) bytes/g, (_, bytes: string) => formatBytes(Number(bytes)));
}
