import { PgctlError } from '../../src/errors.ts';

/** A number of things that an option takes. @throws PgctlError `usage` */
export function wholeNumber(text: string, option: string, { least }: { readonly least: 0 | 1 }): number {
  const given = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (given >= least) return given;
  throw new PgctlError('usage', `${option}: ${JSON.stringify(text)} is not a whole number from ${least} on`);
}
