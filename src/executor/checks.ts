import { PgctlError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { StoredResource } from '../plan/resource.ts';
import { typeOf } from '../resources/registry.ts';
import { contextAt } from './lifecycle.ts';
import { inspectResources, type Looking } from './refresh.ts';

/** One host's reason why the operation cannot begin. */
export interface HostFinding {
  readonly host: string;
  readonly message: string;
}

/** The error that lists what every host lacks (exit 6). Nothing was changed when it is thrown. */
export function hostsUnusable(
  findings: readonly HostFinding[],
  unreachable: readonly HostFinding[] = [],
): PgctlError {
  const all = [...unreachable, ...findings];
  const hosts = new Set(all.map(({ host }) => host));
  const names = [...hosts].sort().join(', ');
  const code = unreachable.length > 0 ? 'host_unreachable' : 'host_unusable';
  const what = unreachable.length > 0 ? 'cannot be reached or used' : 'cannot be used as it is';
  return new PgctlError(
    code,
    `${hosts.size === 1 ? `host ${names}` : `hosts ${names}`} ${what}; nothing was changed`,
    {
      details: all.map(({ host, message }) => `${host}: ${message}`).sort(),
      hint: 'Mend what is listed, then run the command again.',
    },
  );
}

/**
 * Asks every host, before anything is marked, whether what is to be created there can be. Only reads; throws
 * with the findings of all hosts at once.
 */
export async function checkCreates(looking: Looking, plans: readonly Plan[]): Promise<void> {
  const { around } = looking;
  const creates = plans
    .flat(2)
    // What is made again was made by pgctl before: its own port and directory are not in its way.
    .filter((event) => event.type === 'create' && event.reason === 'does_not_exist')
    .map((event): StoredResource => ({ ...event.resource, needs_recreate: false, error: null }));
  const answers = await inspectResources({
    ...looking,
    resources: creates,
    inspect: (resource) =>
      typeOf(resource).check?.(resource, contextAt({ kind: 'controller' }, resource, around)) ?? null,
  });
  const findings = new Map<string, HostFinding>();
  const unreachable = new Map<string, HostFinding>();
  for (const [key, answer] of answers) {
    const resource = creates.find((r) => `${r.type}/${r.id}` === key);
    const host = resource?.executor.kind === 'host' ? resource.executor.host : '';
    const messages =
      answer.kind === 'ok' ? answer.value.map((finding) => finding.message) : [strip(host, answer.error)];
    const into = answer.kind === 'unreachable' ? unreachable : findings;
    for (const message of messages) into.set(`${host} ${message}`, { host, message });
  }
  if (findings.size + unreachable.size > 0)
    throw hostsUnusable([...findings.values()], [...unreachable.values()]);
}

const strip = (host: string, message: string): string =>
  message.startsWith(`${host}: `) ? message.slice(host.length + 2) : message;
