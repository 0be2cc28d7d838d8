import * as z from 'zod';
import type { JsonObject } from '../json.ts';
import type { RunOrigin } from '../records/types.ts';

/** An object of JSON, whatever is in it: it came out of `JSON.parse`, so it need not be walked again. */
export const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  { error: 'Invalid input: expected object' },
);

export const originSchema: z.ZodType<RunOrigin> = z.looseObject({
  host: z.string(),
  boot_id: z.string(),
  pid: z.number().int(),
});

/** The words of a table of states. */
export function oneOf<T extends string>(table: Readonly<Record<T, unknown>>): z.ZodType<T> {
  return z.enum(Object.keys(table) as [T, ...T[]]);
}
