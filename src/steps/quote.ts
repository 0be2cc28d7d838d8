/** For a POSIX shell: one word, whatever it holds. NUL cannot be passed and is refused. */
export function quoteShell(value: string): string {
  if (value.includes('\0')) throw new Error('a shell word cannot hold NUL');
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** An SQL identifier, always quoted. */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0')) throw new Error('not an SQL identifier');
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * An SQL string literal. A backslash makes it an E'' literal, so that it means the same whatever
 * standard_conforming_strings says.
 */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) throw new Error('an SQL literal cannot hold NUL');
  const doubled = value.replaceAll("'", "''");
  return value.includes('\\') ? ` E'${doubled.replaceAll('\\', '\\\\')}'` : `'${doubled}'`;
}

/**
 * A word of a pg_hba.conf or pg_ident.conf line, quoted so that a name such as `all` or `+x` stays a name.
 * These files know no escape but a doubled quote.
 */
export function quoteHbaName(name: string): string {
  if (/[\0\n\r]/.test(name)) throw new Error('not a name for pg_hba.conf');
  return `"${name.replaceAll('"', '""')}"`;
}

/** A word of a systemd unit's ExecStart line: `%` and `$` are doubled, the rest is C-escaped. */
export function quoteUnitWord(word: string): string {
  if (/[\0\n\r]/.test(word)) throw new Error('not a word for a unit file');
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$');
  return /^[A-Za-z0-9_@.:/=%$-]+$/.test(escaped) && escaped !== '' ? escaped : `"${escaped}"`;
}
