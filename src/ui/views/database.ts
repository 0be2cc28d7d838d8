import type { DatabaseDocument, DatabaseListDocument } from '../documents.ts';
import { errorField, fields } from '../fields.ts';
import { formatTime } from '../quantity.ts';
import { type Column, table } from '../table.ts';
import { paintState, type Theme } from '../theme.ts';
import { endpointText, instanceTable } from './instance.ts';
import { interruptedField, stateText } from './interrupted.ts';

export function showDatabase(database: DatabaseDocument, theme: Theme): string {
  const { state, interrupted, instances, spec } = database;
  const name = spec.database_name;
  return [
    theme.strong(`Database ${database.id}`),
    fields(theme, [
      ['state', paintState(theme, state, stateText(state, interrupted))],
      ['interrupted', interruptedField(interrupted)],
      ['error', errorField(theme, database.error)],
      ['primary', primaryText(database)],
      ['name', typeof name === 'string' && name !== database.id ? name : null],
      ['uid', database.uid],
      ['last task', database.last_task_id],
      ['created', formatTime(database.created_at)],
      ['updated', formatTime(database.updated_at)],
    ]),
    '',
    instances.length === 0 ? 'No instances.' : instanceTable(instances, theme),
  ].join('\n');
}

type ListedDatabase = DatabaseListDocument['items'][number];

export function showDatabaseList({ items }: DatabaseListDocument, theme: Theme): string {
  if (items.length === 0) return 'No databases.';
  const columns: Column<ListedDatabase>[] = [
    { title: 'DATABASE', text: ({ id }) => id },
    {
      title: 'STATE',
      text: ({ state, interrupted }) => stateText(state, interrupted),
      paint: (text, { state }) => paintState(theme, state, text),
    },
    { title: 'PRIMARY', text: (database) => primaryText(database) ?? '-', drop: 1 },
    { title: 'INSTANCES', text: upText },
    { title: 'UPDATED', text: ({ updated_at }) => formatTime(updated_at), paint: theme.faint, drop: 2 },
    { title: 'ERROR', text: ({ error }) => error ?? '', paint: theme.bad, gives: true, optional: true },
  ];
  return table(columns, items, theme);
}

/** Where the primary of each node is reached. */
function primaryText({ instances }: ListedDatabase): string | null {
  const primaries = instances.filter(({ role }) => role === 'primary');
  if (primaries.length === 0) return null;
  return primaries.map((instance) => `${instance.host_id} (${endpointText(instance)})`).join(', ');
}

function upText({ instances }: ListedDatabase): string {
  return `${instances.filter(({ state }) => state === 'available').length}/${instances.length} up`;
}
