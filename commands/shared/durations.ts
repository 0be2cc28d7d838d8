import { PgctlError } from '../../src/errors.ts';

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of a duration such as `500ms`, `30s`, `5m`, `1h`; a bare `0` is one too. */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim());
  if (text.trim() === '0') return 0;
  if (match === null) {
    throw new PgctlError('usage', `${option}: ${JSON.stringify(text)} is not a duration`, {
      hint: 'Durations are written like 500ms, 30s, 5m or 1h.',
    });
  }
  return Math.round(Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS]);
}
