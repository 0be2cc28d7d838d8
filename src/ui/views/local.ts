import type { LocalDocument } from '../documents.ts';
import { fields } from '../fields.ts';
import type { Theme } from '../theme.ts';

/** What runs of pgctl's own on this machine, and what would start it. */
export function showLocal({ etcd, endpoint, hosts, databases }: LocalDocument, theme: Theme): string {
  if (etcd === 'absent') return 'Nothing of pgctl runs on this machine. `pgctl local up` starts it.';
  const shown = fields(theme, [
    [
      'etcd',
      `${etcd === 'up' ? theme.good('up') : theme.bad('down')}${endpoint === null ? '' : ` at ${endpoint}`}`,
    ],
    ['hosts', etcd === 'up' ? hosts.join(', ') || 'none' : null],
    ['databases', etcd === 'up' ? databases.join(', ') || 'none' : null],
  ]);
  const next = etcd === 'up' ? [] : ['', '`pgctl local up` starts it.'];
  return [theme.strong('On this machine'), shown, ...next].join('\n');
}
