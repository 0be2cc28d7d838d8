import { PgctlError } from '../errors.ts';
import type { Path } from './path.ts';
import type { SpecIssue, SpecPositions } from './types.ts';
import { counted } from './wording.ts';

/** An issue found while reading, before it is known where its path stands in the file. */
export interface FoundIssue {
  readonly path: Path;
  readonly message: string;
  /** Points at the field's name instead of its value, because the name is what is wrong. */
  readonly at?: 'key';
  /** Where in the text it stands, for what has no path of its own, such as a field's second time. */
  readonly offset?: number;
}

/** An issue with its place in the file, both counted from 1; 0 for a spec made of command-line options. */
export interface LocatedIssue extends SpecIssue {
  readonly line: number;
  readonly column: number;
}

/** What stands in for a file's name when a spec was made of command-line options. */
export const COMMAND_LINE = 'command line';

/** Which option of `db create` gave a field of a spec that was made of options. */
const OPTION_OF: readonly (readonly [RegExp, string])[] = [
  [/^id$|^database_name$/, 'database'],
  [/^nodes\b.*\bport$|^port$/, '--port'],
  [/^nodes\b/, '--hosts'],
  [/^postgres_version$/, '--postgres-version'],
];

/** Issues that were found after reading (an unregistered host, a taken port), with their places in the file. */
export function locateIssues(positions: SpecPositions, issues: readonly SpecIssue[]): LocatedIssue[] {
  return issues.map((issue) => ({ ...issue, ...positions.at(issue.path) }));
}

/** `file:line:column: path: what is wrong; what would be right`; for options `--option: what is wrong; …`. */
export function formatIssue(file: string, issue: LocatedIssue): string {
  if (issue.line === 0) {
    const option = OPTION_OF.find(([pattern]) => pattern.test(issue.path))?.[1];
    return `${option ?? issue.path}: ${issue.message}`;
  }
  const place = `${file}:${issue.line}:${issue.column}`;
  return issue.path === '' ? `${place}: ${issue.message}` : `${place}: ${issue.path}: ${issue.message}`;
}

function nameOf(file: string): string {
  if (file === '-') return 'standard input';
  return file === COMMAND_LINE ? 'the command line' : file;
}

/** The error a command ends with: every issue in its details, one a line. */
export function invalidSpec(file: string, issues: readonly LocatedIssue[]): PgctlError {
  return new PgctlError('invalid_spec', `${nameOf(file)} has ${counted(issues.length, 'error')}`, {
    details: issues.map((issue) => formatIssue(file, issue)),
    hint:
      file === COMMAND_LINE
        ? 'Nothing was touched. Correct the options and run the command again.'
        : 'Nothing was touched. Correct the spec and run the command again.',
  });
}
