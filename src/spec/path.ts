import { quoted } from './wording.ts';

/** Where a value stands in a spec: field names and list indices from the root. */
export type Path = readonly (string | number)[];

const PLAIN_NAME = /^[A-Za-z_][\w-]*$/;

/** A path as people read it: `nodes[0].host_ids[1]`, `postgresql_conf["auto_explain.log_analyze"]`. */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!PLAIN_NAME.test(part)) text += `[${quoted(part)}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** The path of what holds the value at this path; the root's is the empty text. */
export function parentText(path: string): string {
  // A quoted name may hold dots and brackets of its own, so this may stop inside one. No value has such a
  // path, and who looks for the nearest parent that exists just goes on.
  return path.slice(0, Math.max(path.lastIndexOf('.'), path.lastIndexOf('['), 0));
}
