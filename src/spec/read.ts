import type { LineCounter } from 'yaml';
import type { FoundIssue, LocatedIssue } from './issue.ts';
import { normalSpec, storedSpec } from './normalize.ts';
import { parentText, pathText } from './path.ts';
import { decodeText } from './text.ts';
import { plainTree } from './tree.ts';
import type { Mark } from './tree.ts';
import type { DatabaseSpec, SpecPositions, StoredSpec } from './types.ts';
import { firstOfEachPath, isBody, validateSpec } from './validate.ts';
import { parseYaml } from './yaml.ts';

/** A spec's file, already read. */
export interface SpecFile {
  readonly text: Uint8Array;
  /** As the user named it; `-` for standard input. */
  readonly file: string;
}

export type ReadSpec =
  | {
      readonly ok: true;
      readonly spec: DatabaseSpec;
      readonly stored: StoredSpec;
      readonly positions: SpecPositions;
    }
  /** In the order of the file; never empty. */
  | { readonly ok: false; readonly issues: readonly LocatedIssue[] };

interface Place {
  readonly line: number;
  readonly column: number;
}

function placeOf(lines: LineCounter, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** The mark of a path, or of the nearest thing around it that is in the file. */
function markAt(marks: ReadonlyMap<string, Mark>, path: string): Mark {
  let at = path;
  for (;;) {
    const mark = marks.get(at);
    if (mark !== undefined) return mark;
    if (at === '') return { value: 0 };
    at = parentText(at);
  }
}

function positionsOf(
  file: string,
  root: unknown,
  marks: ReadonlyMap<string, Mark>,
  lines: LineCounter,
): SpecPositions {
  // Only offsets are kept, no text of the file: it may hold passwords.
  const inBody = isBody(root);
  return {
    file,
    at: (path) => {
      const inside = path === '' ? 'spec' : `spec.${path}`;
      // In a request body, the id may stand beside the spec instead of in it.
      const inFile = inBody && (marks.has(inside) || !marks.has(path)) ? inside : path;
      return placeOf(lines, markAt(marks, inFile).value);
    },
  };
}

function inOrder(issues: readonly LocatedIssue[]): LocatedIssue[] {
  return [...issues].sort((a, b) => a.line - b.line || a.column - b.column || (a.path < b.path ? -1 : 1));
}

function locate(issue: FoundIssue, marks: ReadonlyMap<string, Mark>, lines: LineCounter): LocatedIssue {
  const path = pathText(issue.path);
  const mark = markAt(marks, path);
  const offset = issue.offset ?? (issue.at === 'key' ? (mark.key ?? mark.value) : mark.value);
  return { path, message: issue.message, ...placeOf(lines, offset) };
}

/**
 * Reads a spec, YAML or JSON, bare or as a request body. Never throws for what is in the file; finds
 * everything that is wrong in it, except that the content of a file that is no YAML is not looked at.
 */
export function readSpec({ text: bytes, file }: SpecFile): ReadSpec {
  const decoded = decodeText(bytes);
  if (!decoded.ok) {
    const { message, line, column } = decoded;
    return { ok: false, issues: [{ path: '', message, line, column }] };
  }
  const parsed = parseYaml(decoded.text);
  const { lines } = parsed;
  if (!parsed.ok) {
    const issues = parsed.issues.map(({ message, offset }) => ({
      path: '',
      message,
      ...placeOf(lines, offset),
    }));
    return { ok: false, issues };
  }
  const tree = plainTree(parsed.root);
  const checked = validateSpec(tree.value);
  const found = firstOfEachPath([...tree.issues, ...(checked.ok ? [] : checked.issues)]);
  if (!checked.ok || found.length > 0) {
    return { ok: false, issues: inOrder(found.map((issue) => locate(issue, tree.marks, lines))) };
  }
  const spec = normalSpec(checked.input);
  return {
    ok: true,
    spec,
    stored: storedSpec(spec),
    positions: positionsOf(file, tree.value, tree.marks, lines),
  };
}
