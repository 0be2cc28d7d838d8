import type { InstanceDocument, InstanceListDocument } from '../documents.ts';
import { errorField, fields } from '../fields.ts';
import { formatBytes, formatTime } from '../quantity.ts';
import { type Column, table } from '../table.ts';
import { paintState, type Theme } from '../theme.ts';
import { interruptedField, stateText } from './interrupted.ts';

export function showInstance(instance: InstanceDocument, theme: Theme): string {
  const { state, interrupted } = instance;
  return [
    theme.strong(`Instance ${instance.instance_id}`),
    fields(theme, [
      ['state', paintState(theme, state, stateText(state, interrupted))],
      ['interrupted', interruptedField(interrupted)],
      ['error', errorField(theme, instance.error)],
      ['role', instance.role],
      ['lag', instance.role === 'replica' ? lagText(instance) : null],
      ['database', instance.database_id],
      ['node', instance.node_name],
      ['host', instance.host_id],
      ['address', endpointText(instance)],
      ['patroni port', String(instance.patroni_port)],
      ['postgres', instance.postgres_version],
      [
        'timeline',
        instance.timeline === undefined || instance.timeline === null ? null : String(instance.timeline),
      ],
      ['pending restart', instance.pending_restart ? theme.busy('yes') : null],
      ['created', formatTime(instance.created_at)],
      ['updated', formatTime(instance.updated_at)],
    ]),
  ].join('\n');
}

export function showInstanceList({ items }: InstanceListDocument, theme: Theme): string {
  return items.length === 0 ? 'No instances.' : instanceTable(items, theme);
}

/** Instances below one another, as lists and databases show them. */
export function instanceTable(instances: readonly InstanceDocument[], theme: Theme): string {
  const columns: Column<InstanceDocument>[] = [
    { title: 'INSTANCE', text: ({ instance_id }) => instance_id },
    // The instance's id ends in it.
    { title: 'HOST', text: ({ host_id }) => host_id, drop: 4 },
    {
      title: 'STATE',
      text: ({ state, interrupted }) => stateText(state, interrupted),
      paint: (text, { state }) => paintState(theme, state, text),
    },
    {
      title: 'ROLE',
      text: ({ role }) => role ?? '-',
      paint: (text, { role }) => (role === 'primary' ? theme.accent(text) : text),
    },
    { title: 'ADDRESS', text: (instance) => endpointText(instance), drop: 2 },
    { title: 'POSTGRES', text: ({ postgres_version }) => postgres_version ?? '-', drop: 3 },
    { title: 'LAG', text: lagText, align: 'right', drop: 1 },
    { title: 'NOTE', text: noteText, paint: theme.faint, gives: true, optional: true },
  ];
  return table(columns, instances, theme);
}

export function endpointText({ address, port }: Pick<InstanceDocument, 'address' | 'port'>): string {
  if (address === null) return `?:${port}`;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function lagText({ lag_bytes }: InstanceDocument): string {
  return lag_bytes === null ? '-' : formatBytes(lag_bytes);
}

function noteText({ pending_restart, error }: InstanceDocument): string {
  return [pending_restart ? 'restart pending' : '', error ?? ''].filter((note) => note !== '').join('; ');
}
