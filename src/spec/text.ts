/** Larger files are no specs; the limit keeps reading well under a second. */
export const MAX_BYTES = 1024 * 1024;

/** Everything YAML forbids: control characters other than tab, line feed and carriage return. */
const CONTROL = /[^\P{Cc}\t\n\r\u0085]/u;

export type TextResult =
  | { readonly ok: true; readonly text: string }
  /** Line and column count from 1. */
  | { readonly ok: false; readonly message: string; readonly line: number; readonly column: number };

function placeAfter(before: string): { line: number; column: number } {
  const lastBreak = before.lastIndexOf('\n');
  let line = 1;
  for (const character of before) if (character === '\n') line += 1;
  return { line, column: before.length - lastBreak };
}

/** The text before the first byte that is not UTF-8. */
function readablePart(bytes: Uint8Array): string {
  const encoder = new TextEncoder();
  let offset = 0;
  const parts = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).split('\ufffd');
  const good: string[] = [];
  for (const part of parts) {
    good.push(part);
    offset += encoder.encode(part).length;
    // A replacement character that stands in the file itself is UTF-8 like any other.
    if (!(bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd)) break;
    offset += 3;
  }
  return good.join('\ufffd').replace(/^\ufeff/, '');
}

/** A file's bytes as text, or why they are none. A byte order mark is dropped. */
export function decodeText(bytes: Uint8Array): TextResult {
  if (bytes.length > MAX_BYTES) {
    const message = `the file has more than ${MAX_BYTES} bytes; a spec is much smaller`;
    return { ok: false, message, line: 1, column: 1 };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const message = 'the file is not UTF-8 text; a spec is YAML or JSON in UTF-8';
    return { ok: false, message, ...placeAfter(readablePart(bytes)) };
  }
  const control = CONTROL.exec(text);
  if (control === null) return { ok: true, text };
  const code = (control[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const message = `the file is not text: it holds the control character U+${code}; a spec is YAML or JSON in UTF-8`;
  return { ok: false, message, ...placeAfter(text.slice(0, control.index)) };
}
