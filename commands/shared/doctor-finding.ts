import type { PgctlError } from '../../src/errors.ts';
import type { Finding } from '../../src/ui/documents.ts';

/** What kept something from being looked at, as a finding. */
export const findingOf = (error: PgctlError, subject: string): Finding => ({
  severity: 'error',
  subject,
  message: [error.message, ...error.details].join('\n'),
  remedy: error.hint ?? null,
});
