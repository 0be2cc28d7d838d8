import type { PlanDocument, PlanEventDocument } from '../../plan/summary.ts';
import type { PlanListDocument, SavedPlanDocument } from '../documents.ts';
import { count } from '../quantity.ts';
import { wrap } from '../width.ts';
import type { Theme } from '../theme.ts';
import { subjectLines, subjectsOf, type Subject } from './plan-subjects.ts';

/**
 * What an operation would do, for whoever decides about it: per host what becomes of what is there and what
 * that costs, then the order in which it happens, and at the end the numbers.
 */
export function showPlan(document: PlanDocument, theme: Theme): string {
  const { operation, database_id, plans } = document;
  const title = theme.strong(`${operation} ${database_id}`);
  if (plans.length === 0) {
    return document.database_changed === true
      ? `${title}\n\nNo host is touched; only the database's record changes.`
      : `${title}\n\nNo changes.`;
  }
  return [title, ...places(document, theme), order(document, theme), closing(document, theme)].join('\n\n');
}

export function showSavedPlan(document: SavedPlanDocument, theme: Theme): string {
  const file = document.saved_to;
  return `${showPlan(document, theme)}\n\nSaved in ${file}; \`pgctl db apply ${file}\` does this and nothing else.`;
}

export function showPlanList({ items }: PlanListDocument, theme: Theme): string {
  return items.length === 0 ? 'No changes.' : items.map((item) => showPlan(item, theme)).join('\n\n');
}

/** Hosts, then clusters, each with what happens there. */
function places(document: PlanDocument, theme: Theme): string[] {
  const byPlace = new Map<string, Subject[]>();
  for (const subject of subjectsOf(document)) {
    const place = subject.host === null ? `In the cluster ${subject.scope}` : `On ${subject.host}`;
    byPlace.set(place, [...(byPlace.get(place) ?? []), subject]);
  }
  return [...byPlace].map(([place, subjects]) => {
    const led = subjects.filter(({ host, scope }) => host !== null && document.primaries?.[scope] === host);
    const role = led.length === 0 ? '' : ` (primary of ${led.map(({ scope }) => scope).join(', ')})`;
    return [
      theme.strong(place + role),
      ...subjects.flatMap((subject) => subjectLines(subject, theme)),
      ...(led.some(({ events }) => events.some(isRemoval))
        ? [theme.bad('      ! another instance takes over as primary before')]
        : []),
    ].join('\n');
  });
}

/** Of the primary's own instance, while others stay. */
const isRemoval = ({ type, resource, reason }: PlanEventDocument): boolean =>
  type === 'delete' && resource.type === 'instance' && reason === 'not_desired';

/** Phase by phase, the same verb on several hosts once. */
function order({ plans }: PlanDocument, theme: Theme): string {
  const phases = plans.flat();
  const digits = String(phases.length).length;
  const lines = phases.flatMap((phase, at) => {
    const byVerb = new Map<string, Set<string>>();
    for (const event of phase) {
      const verb =
        `${event.action ?? event.type} ${event.action === undefined ? event.resource.type : ''}`.trim();
      const mark = event.cost?.kind === 'restart' && event.cost.certain ? `${verb} (! restart)` : verb;
      byVerb.set(mark, (byVerb.get(mark) ?? new Set()).add(event.host_id ?? event.resource.id));
    }
    const text = [...byVerb].map(([verb, where]) => `${verb}: ${[...where].join(', ')}`).join('; ');
    const number = `  ${String(at + 1).padStart(digits)}/${phases.length}  `;
    const [first = '', ...rest] = wrap(text, theme.width === null ? null : theme.width - number.length);
    return [number + first, ...rest.map((line) => ' '.repeat(number.length) + line)];
  });
  return [theme.strong('In this order'), ...lines].join('\n');
}

function closing({ operation, plans, summary, copies }: PlanDocument, theme: Theme): string {
  const costs = plans.flat(2).flatMap(({ cost }) => cost ?? []);
  const restarts = costs.filter((cost) => cost.kind === 'restart' && cost.certain).length;
  const perhaps = costs.filter((cost) => cost.kind === 'restart' && !cost.certain).length;
  const stops = costs.filter(({ kind }) => kind === 'stop').length;
  const removed = copies?.removed ?? costs.filter(({ kind }) => kind === 'copy').length;
  const phases = plans.flat().length;
  const lines = [
    theme.strong(
      `${summary.create} to create, ${summary.update} to update, ${summary.delete} to delete, in ${count(phases, 'phase')}`,
    ),
  ];
  if (restarts > 0) lines.push(theme.bad(`! ${count(restarts, 'restart')}, one instance at a time`));
  if (perhaps > 0) lines.push(theme.busy(`! ${count(perhaps, 'instance')} may restart`));
  if (stops > 0) lines.push(theme.bad(`! ${count(stops, 'instance')} stopped`));
  if (removed > 0) lines.push(theme.bad(copyText(removed, operation === 'delete' ? 0 : copies?.left)));
  return lines.join('\n');
}

function copyText(removed: number, left: number | undefined): string {
  const what = `! ${removed} ${removed === 1 ? 'copy' : 'copies'} of the data removed`;
  if (left === undefined) return what;
  return left === 0 ? `${what}, and none is left: the data is lost` : `${what}, ${left} left`;
}
