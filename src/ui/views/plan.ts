import { assertNever } from '../../errors.ts';
import type { Json } from '../../json.ts';
import { type Difference, type EventType, REASONS } from '../../plan/plan.ts';
import type { PlanDocument, PlanEventDocument } from '../../plan/summary.ts';
import type { PlanListDocument } from '../documents.ts';
import { count } from '../quantity.ts';
import { type Column, table } from '../table.ts';
import type { Theme } from '../theme.ts';

/** What an operation would do: per phase, what happens where, and why. */
export function showPlan(document: PlanDocument, theme: Theme): string {
  const { operation, database_id, plans, summary } = document;
  const title = theme.strong(`${operation} ${database_id}`);
  if (plans.length === 0) {
    return document.database_changed === true
      ? `${title}\n\nNo host is touched; only the database's record changes.`
      : `${title}\n\nNo changes.`;
  }
  // Counted through all plans, as they are while it runs.
  const phases = plans.reduce((sum, plan) => sum + plan.length, 0);
  let number = 0;
  const steps = plans.map((plan, at) => {
    const shown = plan.map((phase) => {
      number++;
      const heading = `Phase ${number}/${phases}: ${count(phase.length, 'event')}`;
      return `${theme.strong(heading)}\n${showPhase(phase, theme)}`;
    });
    const heading = plans.length === 1 ? [] : [theme.strong(`Step ${at + 1} of ${plans.length}`)];
    return [...heading, ...shown].join('\n');
  });
  const closing = `${summary.create} to create, ${summary.update} to update, ${summary.delete} to delete`;
  return [title, ...steps, theme.strong(closing)].join('\n\n');
}

export function showPlanList({ items }: PlanListDocument, theme: Theme): string {
  return items.length === 0 ? 'No changes.' : items.map((item) => showPlan(item, theme)).join('\n\n');
}

const SIGNS = { create: '+', update: '~', delete: '-' } as const satisfies Record<EventType, string>;

function paintEvent(theme: Theme, type: EventType, text: string): string {
  switch (type) {
    case 'create':
      return theme.good(text);
    case 'update':
      return theme.busy(text);
    case 'delete':
      return theme.bad(text);
    default:
      return assertNever(type);
  }
}

function showPhase(phase: readonly PlanEventDocument[], theme: Theme): string {
  const columns: Column<PlanEventDocument>[] = [
    {
      title: '',
      text: ({ type }) => `${SIGNS[type]} ${type}`,
      paint: (text, { type }) => paintEvent(theme, type, text),
    },
    { title: '', text: ({ resource }) => `${resource.type}/${resource.id}` },
    { title: '', text: ({ host_id }) => (host_id === null ? '' : `on ${host_id}`), optional: true },
    { title: '', text: ({ reason }) => REASONS[reason], paint: theme.faint, gives: true },
  ];
  const indented = { ...theme, width: theme.width === null ? null : theme.width - 2 };
  const lines = table(columns, phase, indented).split('\n');
  return phase
    .flatMap(({ diff }, at) => [
      `  ${lines[at] ?? ''}`,
      ...(diff ?? []).map((each) => showDifference(each, theme)),
    ])
    .join('\n');
}

function showDifference({ path, from, to }: Difference, theme: Theme): string {
  const before = from === undefined ? theme.faint('(not set)') : theme.bad(valueText(from));
  const after = to === undefined ? theme.faint('(removed)') : theme.good(valueText(to));
  return `      ${path === '' ? '/' : path}: ${before} → ${after}`;
}

function valueText(value: Json): string {
  return JSON.stringify(value);
}
