import type { z } from 'zod';
import { unknownField } from './fields.ts';
import type { Level } from './fields.ts';
import type { FoundIssue } from './issue.ts';
import { pathText } from './path.ts';
import type { Path } from './path.ts';
import { ruleIssues } from './rules.ts';
import { bodySchema, databaseSchema, KNOWN_FIELDS } from './schema.ts';
import type { SpecInput } from './schema.ts';
import { kindOf } from './wording.ts';

export type Validated =
  | { readonly ok: true; readonly input: SpecInput }
  | { readonly ok: false; readonly issues: readonly FoundIssue[] };

const WANTED: Readonly<Record<string, string>> = {
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of fields',
  record: 'a map of fields',
};

/** For what zod finds by itself. Values are not repeated: a password in the wrong place is still one. */
function wrongType({ code, expected, input }: { code?: string; expected?: string; input?: unknown }): string {
  if (input === undefined) return 'is missing; give a value';
  if (input === null) return 'has no value; give one, or leave the field out';
  const wanted = code === 'invalid_type' ? WANTED[expected ?? ''] : undefined;
  const hint = wanted === 'text' && typeof input !== 'object' ? '; put it in quotes' : '';
  return `must be ${wanted ?? 'something else'}, not ${kindOf(input)}${hint}`;
}

/** Which fields an object at this path has. */
function levelOf(path: Path, inBody: boolean): Level {
  if (inBody && path.length === 0) return 'body';
  const [list] = path.slice(inBody ? 1 : 0);
  if (list === 'nodes') return 'node';
  return list === 'database_users' ? 'user' : 'database';
}

function found(issue: z.core.$ZodIssue, inBody: boolean): FoundIssue[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
  const level = levelOf(path, inBody);
  return issue.keys.map((key) => ({
    path: [...path, key],
    message: unknownField(level, key, KNOWN_FIELDS),
    at: 'key',
  }));
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether the file is a request body, with the spec in its field `spec`. */
export function isBody(root: unknown): boolean {
  return isMap(root) && Object.hasOwn(root, 'spec');
}

/** One issue for each path: the first says what to do, and what follows from it says nothing more. */
export function firstOfEachPath(issues: readonly FoundIssue[]): FoundIssue[] {
  const seen = new Set<string>();
  return issues.filter((issue) => {
    if (issue.offset !== undefined) return true;
    const path = pathText(issue.path);
    return !seen.has(path) && seen.add(path);
  });
}

/** Checks a spec, bare or in a request body, given as plain values. Finds everything that is wrong with it. */
export function validateSpec(root: unknown): Validated {
  if (!isMap(root)) {
    const message = `the spec is ${kindOf(root)}; it must be a map of fields such as id and nodes`;
    return { ok: false, issues: [{ path: [], message }] };
  }
  const inBody = isBody(root);
  const parsed = (inBody ? bodySchema : databaseSchema).safeParse(root, { error: wrongType });
  const schemaIssues = parsed.error?.issues.flatMap((issue) => found(issue, inBody)) ?? [];

  const spec = inBody ? root['spec'] : root;
  const base = inBody ? ['spec'] : [];
  const outer = inBody ? root : undefined;
  const rules = isMap(spec)
    ? ruleIssues(spec, outer).map(({ path, ...rest }) => ({ ...rest, path: [...base, ...path] }))
    : [];
  const issues = firstOfEachPath([...schemaIssues, ...rules]);
  if (!parsed.success || issues.length > 0) return { ok: false, issues };

  if (!('spec' in parsed.data)) return { ok: true, input: parsed.data };
  const { spec: inner, ...beside } = parsed.data;
  return { ok: true, input: { ...inner, ...beside } };
}
