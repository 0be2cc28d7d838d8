import { Composer, isScalar, Lexer, LineCounter, Parser } from 'yaml';
import type { CST, Document, ErrorCode, ParsedNode } from 'yaml';

/** Deeper than any spec. The parser recurses, and a few thousand levels exhaust its stack. */
const MAX_DEPTH = 64;
/** Words, marks and line ends, as the lexer counts them: an error costs up to 30 µs, and each may bring one. */
const MAX_TOKENS = 30_000;
/** Further errors are consequences of the first ones. */
const MAX_ERRORS = 20;

/**
 * What is wrong and what would be right, for each error of the YAML parser. Its own messages are not used:
 * some repeat the text they stumbled on, and that may be a password.
 */
const SYNTAX = {
  ALIAS_PROPS: 'an alias has an anchor or a tag of its own; remove it',
  BAD_ALIAS: 'this is not an alias; put a value that starts with * or & in quotes',
  BAD_COLLECTION_TYPE: 'tags are not supported; remove the tag, or put a value that starts with ! in quotes',
  BAD_DIRECTIVE: 'YAML directives are not supported; remove the line that starts with %',
  BAD_DQ_ESCAPE: 'this is no escape sequence; write \\\\ for a backslash, or use single quotes',
  BAD_INDENT: 'the indentation does not fit; align the fields of one map, and close what [ or { opened',
  BAD_PROP_ORDER:
    'an anchor or a tag stands in the wrong place; put a value that starts with & or ! in quotes',
  BAD_SCALAR_START: 'a value cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a map cannot start in the middle of a line; put a value with ": " in it in quotes',
  BLOCK_IN_FLOW:
    'inside [ ] and { } there are no lines that start with "- " or end with | or >; use commas and quotes',
  DUPLICATE_KEY: 'a field is given twice; keep one',
  IMPOSSIBLE: 'this is not YAML; check the indentation and the quotes',
  KEY_OVER_1024_CHARS: 'a field name is longer than 1024 characters; check the quotes before it',
  MISSING_CHAR:
    'something is missing here: a closing quote or bracket, a comma, or a ": " after a field name',
  MULTILINE_IMPLICIT_KEY:
    'a field name goes over several lines; write "name: value", and check the line before',
  MULTIPLE_ANCHORS: 'a value has several anchors; keep one, or put a value that starts with & in quotes',
  MULTIPLE_DOCS: 'the file holds several documents; keep one',
  MULTIPLE_TAGS: 'tags are not supported; put a value that starts with ! in quotes',
  NON_STRING_KEY: 'a field name is a list or a map; it must be text',
  RESOURCE_EXHAUSTION: `the file nests too deeply; a spec has at most ${MAX_DEPTH} levels`,
  TAB_AS_INDENT: 'a tab is used for indentation; use spaces',
  TAG_RESOLVE_FAILED: 'tags are not supported; put a value that starts with ! in quotes',
  UNEXPECTED_TOKEN:
    'this cannot stand here; check the indentation and the quotes of this line and the one before',
} as const satisfies Record<ErrorCode, string>;

const TOO_MANY = `the file has more than ${MAX_TOKENS} words and marks; a spec is much smaller`;
const EMPTY = 'the file is empty; a spec needs at least an id and nodes';

export interface SyntaxIssue {
  readonly message: string;
  /** Characters from the beginning of the text. */
  readonly offset: number;
}

export type YamlResult =
  | { readonly ok: true; readonly root: ParsedNode; readonly lines: LineCounter }
  | { readonly ok: false; readonly issues: readonly SyntaxIssue[]; readonly lines: LineCounter };

const BAD_ESCAPE = /\\(?!x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0abtnvfre "/\\N_LP\t\r\n])/;

/** Where a double-quoted text first goes wrong. The parser would report each place, at a price for each. */
function badEscape(lexeme: string): number {
  if (!lexeme.startsWith('"')) return -1;
  // Pairs of backslashes would shift the match, so they are taken out, keeping the length.
  return lexeme.replaceAll('\\\\', '__').search(BAD_ESCAPE);
}

type TokenResult = { readonly tokens: CST.Token[] } | { readonly message: string; readonly offset: number };

/** Lexer and parser by hand instead of `parseDocument`, to stop at the limits instead of running into them. */
function tokensOf(text: string, lines: LineCounter): TokenResult {
  // The first line begins without a line break; `Parser.parse`, which is not used here, would say so.
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let count = 0;
  let errors = 0;
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    const escape = badEscape(lexeme);
    if (escape >= 0) return { message: SYNTAX.BAD_DQ_ESCAPE, offset: parser.offset + escape };
    if (count > MAX_TOKENS) return { message: TOO_MANY, offset: parser.offset };
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === 'error') errors += 1;
      if (token.type === 'directive') return { message: SYNTAX.BAD_DIRECTIVE, offset: token.offset };
    }
    if (parser.stack.length > MAX_DEPTH)
      return { message: SYNTAX.RESOURCE_EXHAUSTION, offset: parser.offset };
    if (errors >= MAX_ERRORS) break;
  }
  tokens.push(...parser.end());
  return { tokens };
}

/** One issue a line, in the order of the file: what else is wrong on a line mostly follows from the first. */
function issuesOf(document: Document.Parsed, lines: LineCounter): SyntaxIssue[] {
  const issues: SyntaxIssue[] = [];
  let lastLine = 0;
  const inOrder = document.errors.map((error) => ({ code: error.code, offset: error.pos[0] }));
  inOrder.sort((a, b) => a.offset - b.offset);
  for (const { code, offset } of inOrder) {
    const { line } = lines.linePos(offset);
    if (line === lastLine) continue;
    lastLine = line;
    issues.push({ message: SYNTAX[code], offset });
    if (issues.length === MAX_ERRORS) break;
  }
  return issues;
}

/** Reads one YAML 1.2 document, of which JSON is a part. Names of fields are text, whatever they look like. */
export function parseYaml(text: string): YamlResult {
  const lines = new LineCounter();
  const failed = (...issues: readonly SyntaxIssue[]): YamlResult => ({ ok: false, issues, lines });

  const read = tokensOf(text, lines);
  if ('message' in read) return failed(read);
  // Keys are compared in src/spec/tree.ts: here it would take time by the square of their number.
  const composer = new Composer({ version: '1.2', uniqueKeys: false, stringKeys: true, logLevel: 'error' });
  const [document, second] = [...composer.compose(read.tokens, true, text.length)];
  if (document === undefined) return failed({ message: EMPTY, offset: 0 });
  const issues = issuesOf(document, lines);
  if (issues.length > 0) return failed(...issues);
  if (second !== undefined) return failed({ message: SYNTAX.MULTIPLE_DOCS, offset: second.range[0] });
  const root = document.contents;
  if (root === null || (isScalar(root) && root.source === '' && root.type === 'PLAIN')) {
    return failed({ message: EMPTY, offset: 0 });
  }
  return { ok: true, root, lines };
}
