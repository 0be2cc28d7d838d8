import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { ParsedNode, Scalar, YAMLMap } from 'yaml';
import type { FoundIssue } from './issue.ts';
import { pathText } from './path.ts';
import type { Path } from './path.ts';

/** Fields and list items after aliases are expanded; far more than any spec has, far fewer than a bomb makes. */
const MAX_NODES = 30_000;
const MAX_KEY = 128;

/** Where a value stands, and the name of its field, in characters from the beginning of the text. */
export interface Mark {
  readonly key?: number;
  readonly value: number;
}

/** A file's content as plain values, and where each of them stands. */
export interface Tree {
  readonly value: unknown;
  readonly marks: ReadonlyMap<string, Mark>;
  readonly issues: readonly FoundIssue[];
}

interface Walk {
  readonly marks: Map<string, Mark>;
  readonly issues: FoundIssue[];
  readonly anchors: Map<string, ParsedNode>;
  /** Nodes around the current one, to find an alias that stands inside what it names. */
  readonly open: Set<ParsedNode>;
  nodes: number;
}

/**
 * A number stays what was written where its value would lose something: `17.10` is not 17.1, `0640` is octal
 * to Postgres and not 640, and long numbers do not fit. Such a number becomes text; fields that want a number
 * refuse it.
 */
function scalarValue(node: Scalar.Parsed): unknown {
  const value: unknown = node.value;
  if (typeof value !== 'number') return value;
  return String(value) === node.source || /^0o/.test(node.source) ? value : node.source;
}

function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'holds a NUL character; remove it';
  return /\p{Cs}/u.test(text) ? 'holds half of a surrogate pair; write the character itself' : undefined;
}

const TAG = 'tags are not supported; remove the tag, or put a value that starts with ! in quotes';

/** Why a field cannot have this name, whatever the spec's fields are. */
function keyProblem(node: ParsedNode, key: string): string | undefined {
  if (isAlias(node)) return 'a field name is an alias; write the name out';
  if (node.tag !== undefined) return TAG;
  if (key.length > MAX_KEY) return `a field name has ${key.length} characters; check the quotes before it`;
  const problem = textProblem(key);
  return problem === undefined ? undefined : `a field name ${problem}`;
}

/** Names that would mean something to YAML or to JavaScript instead of being a field. */
const REFUSED_KEYS: Readonly<Record<string, string>> = {
  '<<': 'merge keys are not supported; write the fields out',
  ['__proto__']: 'unknown field; remove it',
};

function mapValue(walk: Walk, node: YAMLMap.Parsed, path: Path): Record<string, unknown> {
  const entries = new Map<string, unknown>();
  for (const { key: keyNode, value } of node.items) {
    const key = isScalar(keyNode) && typeof keyNode.value === 'string' ? keyNode.value : '';
    const offset = keyNode.range[0];
    const problem = keyProblem(keyNode, key);
    if (problem !== undefined) {
      walk.issues.push({ path, message: problem, offset });
      continue;
    }
    const here = [...path, key];
    if (Object.hasOwn(REFUSED_KEYS, key)) {
      walk.issues.push({ path: here, message: REFUSED_KEYS[key]!, offset });
    } else if (entries.has(key)) {
      walk.issues.push({ path: here, message: 'is given twice; keep one', offset });
    } else if (value === null) {
      walk.marks.set(pathText(here), { key: offset, value: offset });
      entries.set(key, null);
    } else entries.set(key, plainValue(walk, value, here, offset));
  }
  return Object.fromEntries(entries);
}

function content(walk: Walk, node: ParsedNode, path: Path): unknown {
  if (isAlias(node)) {
    const target = walk.anchors.get(node.source);
    if (target === undefined) {
      const message = 'this alias has no anchor before it; put a value that starts with * in quotes';
      walk.issues.push({ path, message });
      return null;
    }
    if (walk.open.has(target)) {
      walk.issues.push({ path, message: 'this alias stands inside what it names; write the value out' });
      return null;
    }
    return plainValue(walk, target, path);
  }
  if (isMap(node)) return mapValue(walk, node, path);
  if (isSeq(node)) {
    return node.items.map((item, index) => plainValue(walk, item, [...path, index]));
  }
  const value = scalarValue(node);
  const problem = typeof value === 'string' ? textProblem(value) : undefined;
  if (problem !== undefined) walk.issues.push({ path, message: problem });
  return value;
}

function plainValue(walk: Walk, node: ParsedNode, path: Path, key?: number): unknown {
  walk.nodes += 1;
  if (walk.nodes === MAX_NODES) {
    walk.issues.push({
      path,
      message: `aliases make more than ${MAX_NODES} values of this file; write fewer`,
    });
  }
  if (walk.nodes >= MAX_NODES) return null;

  const text = pathText(path);
  if (!walk.marks.has(text)) {
    const empty = isScalar(node) && node.source === '' && node.type === 'PLAIN';
    const value = empty && key !== undefined ? key : node.range[0];
    walk.marks.set(text, key === undefined ? { value } : { key, value });
  }
  if (node.tag !== undefined) walk.issues.push({ path, message: TAG });
  if (!isAlias(node) && node.anchor !== undefined) walk.anchors.set(node.anchor, node);
  walk.open.add(node);
  const value = content(walk, node, path);
  walk.open.delete(node);
  return value;
}

/** The plain values of a document. Always gives a tree; what could not be represented is in its issues. */
export function plainTree(root: ParsedNode): Tree {
  const walk: Walk = { marks: new Map(), issues: [], anchors: new Map(), open: new Set(), nodes: 0 };
  const value = plainValue(walk, root, []);
  return { value, marks: walk.marks, issues: walk.issues };
}
