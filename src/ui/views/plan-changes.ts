import type { Json, JsonObject } from '../../json.ts';
import type { Difference } from '../../plan/plan.ts';
import { HIDDEN } from '../../plan/summary.ts';
import { cut } from '../width.ts';
import type { Theme } from '../theme.ts';

/** Columns of a value, and of a line of a list, before it is shortened. */
const VALUE_WIDTH = 60;
const LINE_WIDTH = 100;

/**
 * What differs, a line each: values old → new, lines of a list by what is added and removed. What is told by
 * the event's verb or its cost, and digests of secrets, which say nothing to anybody, are left out or put into
 * words.
 */
export function changeLines(differences: readonly Difference[], theme: Theme): string[] {
  const lists = new Map<string, Difference[]>();
  const lines: string[] = [];
  for (const difference of differences) {
    const list = /^(.*)\/\d+$/.exec(difference.path)?.[1];
    if (list !== undefined) lists.set(list, [...(lists.get(list) ?? []), difference]);
    else lines.push(...valueLines(difference, theme));
  }
  for (const [path, entries] of lists) lines.push(...listLines(nameOf(path), entries, theme));
  return [...new Set(lines)];
}

/** Differences that the event's verb tells. */
const TOLD: ReadonlySet<string> = new Set(['/restart_requested', '/running']);

function valueLines({ path, from, to }: Difference, theme: Theme): string[] {
  if (TOLD.has(path)) return [];
  const digest = /(?:^|\/)(?:secret_digests\/(\w+)|(verifier|password)_digest)$/.exec(path);
  if (digest !== null) return [`${digest[1] ?? ''} password: a new one`.trim()];
  const name = nameOf(path);
  if (from === HIDDEN || to === HIDDEN) return [`${name}: ${to === undefined ? 'taken out' : 'a new value'}`];
  // A whole object that comes or goes, entry by entry.
  if (isObject(from ?? to ?? null) && (from === undefined || to === undefined)) {
    const entries = Object.entries((from ?? to) as JsonObject);
    return entries.flatMap(([key, value]) =>
      valueLines(
        { path: `${path}/${key}`, ...(from === undefined ? { to: value } : { from: value }) },
        theme,
      ),
    );
  }
  const before = from === undefined ? theme.faint('(not set)') : theme.bad(valueText(from));
  const after = to === undefined ? theme.faint('(not set)') : theme.good(valueText(to));
  return [`${name}: ${before} → ${after}`];
}

/** Lines that only moved up or down cancel out; where all of them do, their order is what differs. */
function listLines(name: string, entries: readonly Difference[], theme: Theme): string[] {
  const removed = entries.flatMap(({ from }) => (from === undefined ? [] : [valueText(from, LINE_WIDTH)]));
  const added: string[] = [];
  for (const { to } of entries) {
    if (to === undefined) continue;
    const line = valueText(to, LINE_WIDTH);
    const at = removed.indexOf(line);
    if (at < 0) added.push(line);
    else removed.splice(at, 1);
  }
  if (removed.length + added.length === 0) return [`${name}: the same in another order`];
  return [
    `${name}:`,
    ...removed.map((line) => `  ${theme.bad(`- ${line}`)}`),
    ...added.map((line) => `  ${theme.good(`+ ${line}`)}`),
  ];
}

/** Where settings are kept is pgctl's business: `/config/postgresql/parameters/work_mem` is `work_mem`. */
function nameOf(path: string): string {
  const name = path
    .replace(/^\/(config|settings)(\/postgresql)?(?=\/)/, '')
    .replace(/^\/parameters(?=\/)/, '')
    .slice(1)
    .replaceAll('/', '.')
    .replaceAll('~1', '/')
    .replaceAll('~0', '~');
  return name === '' ? 'everything' : name;
}

/** Quoted where it would not be seen otherwise. */
function valueText(value: Json, width = VALUE_WIDTH): string {
  const text =
    typeof value === 'string' && value.trim() === value && value !== '' ? value : JSON.stringify(value);
  return cut(text.replace(/\s+/g, ' '), width);
}

function isObject(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
