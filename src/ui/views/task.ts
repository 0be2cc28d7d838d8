import type { TaskEventRecord } from '../../records/types.ts';
import type { TaskDocument, TaskListDocument, TaskLogDocument, TaskResultDocument } from '../documents.ts';
import { errorField, fields } from '../fields.ts';
import { formatBetween, formatDuration, formatTime } from '../quantity.ts';
import { type Column, table } from '../table.ts';
import { paintState, type Theme } from '../theme.ts';
import { showDatabase } from './database.ts';
import { showInstance } from './instance.ts';
import { interruptedField, stateText } from './interrupted.ts';

export function showTask(task: TaskDocument, theme: Theme): string {
  const { state, interrupted, events, from } = task;
  const parts = [
    `${events.done} of ${events.total} done`,
    events.failed === 0 ? '' : `${events.failed} failed`,
    events.not_reached === 0 ? '' : `${events.not_reached} not reached`,
  ];
  return [
    theme.strong(`Task ${task.task_id}`),
    fields(theme, [
      ['state', paintState(theme, state, stateText(state, interrupted))],
      ['interrupted', interruptedField(interrupted)],
      ['error', errorField(theme, task.error)],
      ['operation', `${task.operation} of ${task.scope} ${task.entity_id}`],
      ['events', parts.filter((part) => part !== '').join(', ')],
      ['run by', `${task.who} on ${from.host} (pid ${from.pid})`],
      ['started', formatTime(task.started_at)],
      ['finished', task.finished_at === null ? null : formatTime(task.finished_at)],
      ['took', formatBetween(task.started_at, task.finished_at)],
    ]),
  ].join('\n');
}

export function showTaskList({ items }: TaskListDocument, theme: Theme): string {
  if (items.length === 0) return 'No tasks.';
  const columns: Column<TaskDocument>[] = [
    { title: 'TASK', text: ({ task_id }) => task_id },
    { title: 'OPERATION', text: ({ operation }) => operation },
    { title: 'ON', text: ({ entity_id }) => entity_id },
    {
      title: 'STATE',
      text: ({ state, interrupted }) => stateText(state, interrupted),
      paint: (text, { state }) => paintState(theme, state, text),
    },
    { title: 'EVENTS', text: ({ events }) => `${events.done}/${events.total}`, align: 'right', drop: 1 },
    { title: 'WHO', text: ({ who }) => who, drop: 3 },
    { title: 'STARTED', text: ({ started_at }) => formatTime(started_at), paint: theme.faint, drop: 4 },
    {
      title: 'TOOK',
      text: ({ started_at, finished_at }) => formatBetween(started_at, finished_at) ?? '-',
      align: 'right',
      drop: 2,
    },
    { title: 'ERROR', text: ({ error }) => error ?? '', paint: theme.bad, gives: true, optional: true },
  ];
  return table(columns, items, theme);
}

/** What a task did, a line each, oldest first. */
export function showTaskLog({ items }: TaskLogDocument, theme: Theme): string {
  if (items.length === 0) return 'The task did nothing yet.';
  return items
    .map((item) => {
      const what = 'step' in item ? journalText(item, theme) : item.message;
      const line = `${theme.faint(formatTime(item.at))}  ${item.host_id ?? 'pgctl'}: ${what}`;
      return line.replace(/\n/g, '\n    ');
    })
    .join('\n');
}

function journalText({ type, resource, step, duration_ms, error }: TaskEventRecord, theme: Theme): string {
  const took = duration_ms === null ? '' : ` (${formatDuration(duration_ms)})`;
  const why = error === null ? '' : `: ${error}`;
  const what = `${type} ${resource}`;
  switch (step) {
    case 'intent':
      return `${what} begins`;
    case 'ok':
      return `${what} … ${theme.good('ok')}${took}`;
    case 'failed':
      return `${what} … ${theme.bad('failed')}${took}${why}`;
    case 'unknown':
      return `${what} … ${theme.busy('outcome unknown')}${took}${why}`;
  }
}

/** How an operation ended, and what it left. */
export function showTaskResult(
  { changed, task, database, instance, databases }: TaskResultDocument,
  theme: Theme,
): string {
  const took = task === null ? null : formatBetween(task.started_at, task.finished_at);
  const outcome =
    !changed || task === null
      ? 'No change.'
      : `${task.operation} ${task.entity_id}: ${paintState(theme, task.state)}${took === null ? '' : ` in ${took}`} ` +
        theme.faint(`(task ${task.task_id})`);
  return [
    outcome,
    ...(databases === undefined || databases.length === 0 ? [] : [databaseOutcomes(databases, theme)]),
    ...(instance === undefined ? [] : [showInstance(instance, theme)]),
    ...(database === undefined ? [] : [showDatabase(database, theme)]),
  ].join('\n\n');
}

type DatabaseOutcome = NonNullable<TaskResultDocument['databases']>[number];

function databaseOutcomes(databases: readonly DatabaseOutcome[], theme: Theme): string {
  const columns: Column<DatabaseOutcome>[] = [
    { title: 'DATABASE', text: ({ id }) => id },
    {
      title: 'STATE',
      text: ({ state }) => state ?? 'gone',
      paint: (text, { state }) => (state === null ? text : paintState(theme, state, text)),
    },
    { title: 'ERROR', text: ({ error }) => error ?? '', paint: theme.bad, gives: true, optional: true },
  ];
  return table(columns, databases, theme);
}
