import { type Cost, type EventType, REASONS } from '../../plan/plan.ts';
import type { PlanDocument, PlanEventDocument } from '../../plan/summary.ts';
import type { Theme } from '../theme.ts';
import { changeLines } from './plan-changes.ts';

/** One thing that somebody decides about: an instance with all that belongs to it, or a part of a cluster. */
export interface Subject {
  /** A host's id; null for what is the cluster's as a whole. */
  readonly host: string | null;
  /** `<database>.<node>`. */
  readonly scope: string;
  readonly name: string;
  /** In the order in which they happen. */
  readonly events: readonly PlanEventDocument[];
}

/** The resources that an instance is made of; they all have its id. */
const OF_INSTANCE: ReadonlySet<string> = new Set([
  'directory',
  'patroni_config',
  'unit',
  'process',
  'instance',
  'member',
  'etcd_user',
]);
/** What comes and goes with instances and is nothing to decide about. */
const MACHINERY: ReadonlySet<string> = new Set(['node', 'patroni_scope']);

/** What the plan is about, in the order in which it first comes up; instances before their cluster. */
export function subjectsOf({ plans }: PlanDocument): Subject[] {
  const subjects = new Map<string, Subject>();
  for (const event of plans.flat(2)) {
    const { type, id } = event.resource;
    if (MACHINERY.has(type)) continue;
    const [database = '', node = '', ...rest] = id.split('.');
    const ofInstance = OF_INSTANCE.has(type);
    const name = ofInstance ? id : `${type}/${id}`;
    const before = subjects.get(name);
    subjects.set(name, {
      host: ofInstance ? (event.host_id ?? rest.join('.')) : null,
      scope: `${database}.${node}`,
      name,
      events: [...(before?.events ?? []), event],
    });
  }
  const all = [...subjects.values()];
  return [...all.filter(({ host }) => host !== null), ...all.filter(({ host }) => host === null)];
}

const SIGNS = { create: '+', update: '~', delete: '-' } as const satisfies Record<EventType, string>;

/** What becomes of it, what differs, what that costs, and why. */
export function subjectLines(subject: Subject, theme: Theme): string[] {
  const { events } = subject;
  const main = mainEvent(events);
  const paint = { create: theme.good, update: theme.busy, delete: theme.bad }[main.type];
  const differs = events.some(({ diff }) => diff !== undefined);
  const why = differs ? '' : theme.faint(` (${REASONS[mostTelling(events).reason]})`);
  const more = [
    ...changeLines(
      events.flatMap(({ diff }) => diff ?? []),
      theme,
    ),
    ...new Set(events.flatMap(({ cost }) => (cost === undefined ? [] : [costText(cost, theme)]))),
  ];
  return [
    `  ${paint(`${SIGNS[main.type]} ${verbOf(subject, main)}`)}${why}`,
    ...more.map((line) => `      ${line}`),
  ];
}

/** The event that stands for all of an instance's: that of the server itself, unless the data goes. */
function mainEvent(events: readonly PlanEventDocument[]): PlanEventDocument {
  const of = (type: string): PlanEventDocument | undefined =>
    events.findLast(({ resource }) => resource.type === type);
  const main = events.find(({ type, resource }) => type === 'delete' && resource.type === 'directory');
  return main ?? of('instance') ?? (events.at(-1) as PlanEventDocument);
}

/** A change that follows from another says less than that one. */
function mostTelling(events: readonly PlanEventDocument[]): PlanEventDocument {
  return (
    events.find(({ reason }) => reason !== 'dependency_updated' && reason !== 'has_diff') ?? mainEvent(events)
  );
}

const WORDS = { create: 'create', update: 'change', delete: 'remove' } as const satisfies Record<
  EventType,
  string
>;

function verbOf({ host, name }: Subject, { type, action, resource }: PlanEventDocument): string {
  if (host === null) {
    const [kind = '', id = ''] = [resource.type.replaceAll('_', ' '), resource.id];
    const short = id.split('.').slice(2).join('.') || id;
    return action === undefined ? `${WORDS[type]} ${kind} ${short}` : `${action} ${short}`;
  }
  if (type !== 'update' || resource.type !== 'instance') return `${WORDS[type]} instance ${name}`;
  const verb = action === undefined || action === 'reconfigure' ? WORDS.update : action;
  return `${verb} instance ${name}`;
}

/** With a mark of its own, so that it stands out without colour as well. */
export function costText(cost: Cost, theme: Theme): string {
  switch (cost.kind) {
    case 'restart': {
      const because = cost.because.join(', ');
      return cost.certain
        ? theme.bad(`! restarts (${because})`)
        : theme.busy(`! restarts where it has to (${because})`);
    }
    case 'stop':
      return theme.bad('! stops, and stays stopped');
    case 'copy':
      return theme.bad('! this copy of the data is removed');
  }
}
