import type { Json, JsonObject } from '../json.ts';
import type { Difference } from './plan.ts';

/**
 * Where two attribute values differ, as JSON pointers (RFC 6901) into them, in the order of their keys' code
 * units and of array indexes. An ignored pointer stands for everything below it too. Arrays are compared by
 * position. What differs in kind, or is there on one side only, is one difference and is not looked into.
 */
export function diffAttributes(
  from: JsonObject,
  to: JsonObject,
  ignore: readonly string[] = [],
): Difference[] {
  const differences: Difference[] = [];
  compare({ from, to, path: '' }, new Set(ignore), differences);
  return differences;
}

/** One token of a JSON pointer, escaped. */
function escapeToken(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

interface Pair {
  readonly from: Json | undefined;
  readonly to: Json | undefined;
  readonly path: string;
}

function compare({ from, to, path }: Pair, ignore: ReadonlySet<string>, differences: Difference[]): void {
  if (ignore.has(path)) return;
  // Most values are the same, so a path is only made for the others.
  if (isArray(from) && isArray(to)) {
    const length = Math.max(from.length, to.length);
    for (let index = 0; index < length; index += 1) {
      const [a, b] = [from[index], to[index]];
      if (a !== b) compare({ from: a, to: b, path: `${path}/${String(index)}` }, ignore, differences);
    }
  } else if (isObject(from) && isObject(to)) {
    for (const key of changedKeys(from, to)) {
      const pair = { from: own(from, key), to: own(to, key), path: `${path}/${escapeToken(key)}` };
      compare(pair, ignore, differences);
    }
  } else {
    differences.push({
      path,
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    });
  }
}

function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Sorted, the keys whose values are not the same, though they may still be equal. */
function changedKeys(a: JsonObject, b: JsonObject): string[] {
  const changed = Object.keys(a).filter((key) => a[key] !== own(b, key));
  const added = Object.keys(b).filter((key) => !Object.hasOwn(a, key));
  return [...changed, ...added].sort();
}

/** A key such as `constructor` that is only inherited is not there. */
function own(value: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(value, key) ? value[key] : undefined;
}
