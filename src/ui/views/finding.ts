import type { Finding } from '../documents.ts';
import type { Theme } from '../theme.ts';

/** What is not as it should be, each with what to do about it. */
export function showFindings(findings: readonly Finding[], theme: Theme): string {
  if (findings.length === 0) return 'Nothing found.';
  const paints = { error: theme.bad, warning: theme.busy, info: theme.accent } as const satisfies Record<
    Finding['severity'],
    unknown
  >;
  return findings
    .map(({ severity, subject, message, remedy }) =>
      [
        `${paints[severity](severity)}: ${theme.strong(subject)}: ${message.replace(/\n/g, '\n  ')}`,
        ...(remedy === null ? [] : [`  ${theme.faint(remedy.replace(/\n/g, '\n  '))}`]),
      ].join('\n'),
    )
    .join('\n');
}
