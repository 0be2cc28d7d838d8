/**
 * The first whole line that consists of these words and a number: the number, and where the end of line before it is.
 * Null where there is none. The words hold a nonce, so every job has its own: to build a regular expression of them
 * each time takes longer than all else that is done about a job's output.
 */
export function numberedLine(
  text: string,
  words: string,
): { readonly number: string; readonly at: number } | null {
  const begin = `\n${words} `;
  for (let at = text.indexOf(begin); at >= 0; at = text.indexOf(begin, at + 1)) {
    const end = text.indexOf('\n', at + begin.length);
    if (end < 0) return null;
    const number = text.slice(at + begin.length, end);
    if (/^\d+$/.test(number)) return { number, at };
  }
  return null;
}
