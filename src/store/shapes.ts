import type { Json, JsonObject } from '../json.ts';
import type { RunOrigin } from '../records/types.ts';

/** Why a value is not what it should be. Of the value itself nothing is told: it may be a secret in the wrong place. */
export interface Misfit {
  /** Names of fields and numbers of entries that lead to it, from the outermost. */
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * Looks whether a value of JSON is a `T`: null where it is, else the first thing that is wrong. The records of a list
 * are a thousand and are read by every command, so nothing is copied, and nothing larger than this is loaded for it.
 * Fields that nobody asks for may be there: a newer pgctl wrote them, and they stay.
 */
export interface Shape<T> {
  (value: unknown): Misfit | null;
  /** Never there: for the compiler. */
  readonly of?: T;
}

const misfit = (message: string, path: readonly string[] = []): Misfit => ({ path, message });

const below = (step: string, { path, message }: Misfit): Misfit => ({ path: [step, ...path], message });

const named = <T>(what: string, holds: (value: unknown) => boolean): Shape<T> => {
  const wrong = misfit(`Invalid input: expected ${what}`);
  return (value) => (holds(value) ? null : wrong);
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const string: Shape<string> = named('string', (value) => typeof value === 'string');
export const boolean: Shape<boolean> = named('boolean', (value) => typeof value === 'boolean');
export const number: Shape<number> = named('number', Number.isFinite);
export const json: Shape<Json> = named('a value', (value) => value !== undefined);
/** An object, whatever is in it. */
export const jsonObject: Shape<JsonObject> = named('object', isObject);

/** A whole number within these limits. */
export function integer(least = -Infinity, most = Infinity): Shape<number> {
  const limits = least === -Infinity ? '' : ` from ${least}${most === Infinity ? ' on' : ` to ${most}`}`;
  return named(
    `whole number${limits}`,
    (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
  );
}

/** One of these words. */
export function oneOf<T extends string>(words: readonly T[]): Shape<T> {
  const known: ReadonlySet<unknown> = new Set(words);
  return named(`one of ${words.join(', ')}`, (value) => known.has(value));
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value) => (value === null ? null : shape(value));
}

/** A field that need not be there. Whoever relies on it completes the record, see `Codec`. */
export function optional<T>(shape: Shape<T>): Shape<T> {
  return (value) => (value === undefined ? null : shape(value));
}

export function arrayOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  const isArray = named('array', Array.isArray);
  return (value) => {
    if (!Array.isArray(value)) return isArray(value);
    for (const [index, entry] of value.entries()) {
      const wrong = shape(entry);
      if (wrong !== null) return below(String(index), wrong);
    }
    return null;
  };
}

/** An object with any names, and values of one shape. */
export function mapOf<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value) => {
    if (!isObject(value)) return jsonObject(value);
    for (const [name, entry] of Object.entries(value)) {
      const wrong = shape(entry);
      if (wrong !== null) return below(name, wrong);
    }
    return null;
  };
}

/** An object with these fields at least. */
export function object<T extends object>(fields: { readonly [K in keyof T]-?: Shape<T[K]> }): Shape<T> {
  const names = Object.keys(fields);
  const shapes: readonly Shape<unknown>[] = Object.values(fields);
  return (value) => {
    if (!isObject(value)) return jsonObject(value);
    // By number: of all that is done to a record this is done most often.
    for (let at = 0; at < names.length; at += 1) {
      const name = names[at] ?? '';
      const wrong = shapes[at]?.(value[name]) ?? null;
      if (wrong !== null) return below(name, wrong);
    }
    return null;
  };
}

/** An object whose `kind` says what else is in it. */
export function byKind<T extends { readonly kind: string }>(kinds: {
  readonly [K in T['kind']]: Shape<Omit<Extract<T, { readonly kind: K }>, 'kind'>>;
}): Shape<T> {
  const shapes = new Map<unknown, Shape<unknown>>(Object.entries(kinds));
  const kind = oneOf([...Object.keys(kinds)]);
  return (value) => {
    if (!isObject(value)) return jsonObject(value);
    const wrong = kind(value['kind']);
    return wrong === null ? (shapes.get(value['kind'])?.(value) ?? null) : below('kind', wrong);
  };
}

/** The same, and what its fields have to do with one another. */
export function where<T>(
  shape: Shape<T>,
  rule: { readonly holds: (value: T) => boolean; readonly field?: string; readonly message: string },
): Shape<T> {
  const wrong = misfit(rule.message, rule.field === undefined ? [] : [rule.field]);
  return (value) => shape(value) ?? (rule.holds(value as T) ? null : wrong);
}

export const originShape: Shape<RunOrigin> = object({ host: string, boot_id: string, pid: integer() });

/** What an object's names are, as words to choose from. */
export const namesOf = <T extends string>(table: Readonly<Record<T, unknown>>): readonly T[] =>
  Object.keys(table) as T[];
