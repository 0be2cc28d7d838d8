import type { Finding } from '../documents.ts';
import { wrap } from '../width.ts';
import type { Theme } from '../theme.ts';

/** What is not as it should be, each with what to do about it. */
export function showFindings(findings: readonly Finding[], theme: Theme): string {
  if (findings.length === 0) return 'Nothing found.';
  const paints = { error: theme.bad, warning: theme.busy, info: theme.accent } as const satisfies Record<
    Finding['severity'],
    unknown
  >;
  return findings
    .map(({ severity, subject, message, remedy }) => {
      const words = `${severity}: ${subject}: ${message}`;
      const [first = '', ...rest] = folded(words, theme);
      // Painted afterwards: what is broken into lines is measured without colours.
      const painted = first.replace(
        `${severity}: ${subject}`,
        () => `${paints[severity](severity)}: ${theme.strong(subject)}`,
      );
      const what =
        remedy === null ? [] : folded(remedy, theme).map((line) => `  ${theme.faint(line.trim())}`);
      return [painted, ...rest, ...what].join('\n');
    })
    .join('\n');
}

/** Over as many lines as the terminal needs, those after the first indented. */
function folded(text: string, { width }: Theme): string[] {
  const lines = text.split('\n').flatMap((line) => wrap(line, width === null ? null : width - 2));
  return lines.map((line, at) => (at === 0 ? line : `  ${line}`));
}
