import type { HostFacts } from '../../records/types.ts';
import type { HostDocument, HostListDocument } from '../documents.ts';
import { fields } from '../fields.ts';
import { formatBytes, formatTime } from '../quantity.ts';
import { type Column, table } from '../table.ts';
import { paintState, type Theme } from '../theme.ts';

export function showHost(host: HostDocument, theme: Theme): string {
  const { facts, ssh } = host;
  return [
    theme.strong(`Host ${host.id}`),
    fields(theme, [
      ['state', paintState(theme, host.state)],
      ['address', host.address],
      ['advertised', host.advertise ?? null],
      ['ssh', ssh === undefined ? null : sshText(ssh)],
      ['base directory', host.base_dir ?? null],
      ['service manager', host.service_manager],
      ['labels', labelText(host) || null],
      ...(facts === null ? [['facts', 'not gathered yet'] as const] : factFields(facts)),
      ['created', formatTime(host.created_at)],
      ['updated', formatTime(host.updated_at)],
    ]),
    ...showHostFindings(host, theme, 'Findings'),
  ].join('\n');
}

function factFields(facts: HostFacts): (readonly [string, string | null])[] {
  const { patroni } = facts;
  const disk = `${formatBytes(facts.disk_free_bytes)} free of ${formatBytes(facts.disk_total_bytes)}`;
  return [
    ['system', `${facts.os}, kernel ${facts.kernel}`],
    ['hostname', facts.hostname],
    [
      'postgres',
      facts.postgres.map(({ version, bin_dir }) => `${version} in ${bin_dir}`).join('\n') || 'none found',
    ],
    ['patroni', patroni === null ? 'none found' : `${patroni.version} at ${patroni.path}`],
    ['privileges', `${facts.privileges}; Postgres runs as ${facts.run_user}`],
    ['cpus', String(facts.cpus)],
    ['memory', formatBytes(facts.memory_bytes)],
    ['disk', disk],
    ['clock', skewText(facts.clock_skew_seconds)],
    ['gathered', formatTime(facts.gathered_at)],
  ];
}

function skewText(seconds: number): string {
  if (Math.abs(seconds) < 0.5) return "as pgctl's";
  return `${Math.abs(seconds).toFixed(1)} s ${seconds > 0 ? 'ahead of' : 'behind'} pgctl's`;
}

function sshText({ user, port, identity_file }: NonNullable<HostDocument['ssh']>): string | null {
  const parts = [
    user === null ? null : `user ${user}`,
    port === null ? null : `port ${port}`,
    identity_file === null ? null : `key ${identity_file}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(', ');
}

/** What a check found missing or wrong, one a line. */
function showHostFindings({ findings }: HostDocument, theme: Theme, title: string): string[] {
  if (findings === undefined || findings.length === 0) return [];
  return [
    '',
    theme.strong(title),
    ...findings.map((finding) => `  ${theme.bad('!')} ${finding.replace(/\n/g, '\n    ')}`),
  ];
}

/** Says of a host what was done with its record. */
export const showRemovedHost =
  (done: string) =>
  ({ id, address }: HostDocument, theme: Theme): string =>
    `${theme.strong(`Host ${id}`)} (${address}): ${done}`;

export function showHostList({ items }: HostListDocument, theme: Theme): string {
  if (items.length === 0) return 'No hosts.';
  const columns: Column<HostDocument>[] = [
    { title: 'HOST', text: ({ id }) => id },
    { title: 'ADDRESS', text: ({ address }) => address },
    {
      title: 'STATE',
      text: ({ state }) => state,
      paint: (text, { state }) => paintState(theme, state, text),
    },
    { title: 'SERVICES', text: ({ service_manager }) => service_manager, drop: 2 },
    {
      title: 'POSTGRES',
      text: ({ facts }) => facts?.postgres.map(({ version }) => version).join(', ') || '-',
    },
    { title: 'PATRONI', text: ({ facts }) => facts?.patroni?.version ?? '-', drop: 1 },
    { title: 'LABELS', text: labelText, gives: true, optional: true, drop: 3 },
  ];
  // Below the table: its last column would be cut on a narrow terminal, and what is missing is what one looks for.
  const found = items.flatMap((host) => showHostFindings(host, theme, `Findings on ${host.id}`));
  return [table(columns, items, theme), ...found].join('\n');
}

function labelText({ labels }: HostDocument): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
