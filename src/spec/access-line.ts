/** One word of a line of pg_hba.conf or pg_ident.conf. Quotes take a keyword's meaning away. */
export interface AccessToken {
  readonly text: string;
  readonly quoted: boolean;
}

/** Words joined by commas. */
export type AccessField = readonly AccessToken[];

export type AccessLine =
  | { readonly ok: true; readonly fields: readonly AccessField[] }
  | { readonly ok: false; readonly message: string };

const INCLUDES: readonly string[] = ['include', 'include_if_exists', 'include_dir'];

const WORD = /"(?:[^"]|"")*"|[^ \t",#]/y;

interface Word extends AccessToken {
  readonly end: number;
}

/** The word that starts here, as Postgres reads it: quotes may stand inside a word, and `""` is a quote. */
function wordAt(line: string, start: number): Word | undefined {
  let text = '';
  let end = start;
  for (;;) {
    WORD.lastIndex = end;
    const [piece] = WORD.exec(line) ?? [];
    if (piece === undefined) break;
    text += piece.startsWith('"') ? piece.slice(1, -1).replaceAll('""', '"') : piece;
    end += piece.length;
  }
  return end === start ? undefined : { text, quoted: line[start] === '"', end };
}

/**
 * Splits a line the way Postgres does (`next_token` and `next_field_expand` of its hba.c). Blank lines and
 * comments have no fields. What reads other files, or would swallow the next line, is refused.
 */
export function parseAccessLine(line: string): AccessLine {
  const refuse = (message: string): AccessLine => ({ ok: false, message });
  if (/[\r\n\0]/.test(line)) return refuse('goes over several lines; write one list item for each line');
  if (line.endsWith('\\'))
    return refuse('ends with a backslash, which would join it with the next line; remove it');

  const fields: AccessToken[][] = [];
  let joins = false;
  let at = 0;
  while (at < line.length) {
    const character = line[at]!;
    if (character === '#') break;
    if (character === ' ' || character === '\t' || character === ',') at += 1;
    else {
      const word = wordAt(line, at);
      if (word === undefined) return refuse('has a quote that is not closed; add the missing "');
      const field = fields.at(-1);
      if (joins && field !== undefined) field.push(word);
      else fields.push([word]);
      at = word.end;
      // A comma joins only where it follows its word directly: `a, b` is one field, `a ,b` are two.
      joins = line[at] === ',';
    }
  }
  const tokens = fields.flat();
  const [first] = tokens;
  if (first !== undefined && !first.quoted && INCLUDES.includes(first.text)) {
    return refuse('includes a file, which is not supported; write the lines themselves');
  }
  if (tokens.some((token) => !token.quoted && /^@./.test(token.text))) {
    return refuse(
      'reads names from a file (@…), which is not supported; write the names, with commas between them',
    );
  }
  return { ok: true, fields: fields.map((field) => field.map(({ text, quoted }) => ({ text, quoted }))) };
}
