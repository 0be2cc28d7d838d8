import { PgctlError } from '../../src/errors.ts';
import { findLeftovers, removeLeftovers } from '../../src/executor/leftovers.ts';
import type { HostRecord } from '../../src/records/types.ts';
import { leftoverText } from '../../src/resources/leftovers.ts';
import type { App } from './app.ts';

/**
 * Registers a host that was probed. One that was removed while it was lost must have nothing of pgctl's on it:
 * that is refused (exit 4), or with `clean` removed first.
 */
export async function registerHost(
  app: App,
  host: HostRecord,
  { clean }: { readonly clean: boolean },
): Promise<void> {
  const store = await app.store();
  const tombstone = await store.hosts.tombstoneOf(host.host_id);
  if (tombstone !== null) {
    const returning = { transport: await app.transport(), guards: store.guards, host };
    const leftovers = await findLeftovers(returning);
    if (leftovers.length > 0 && !clean) {
      throw new PgctlError(
        'host_not_clean',
        `host ${host.host_id} was removed while it was lost, and still has what pgctl made there`,
        {
          hint: `\`pgctl host add ${host.host_id} … --clean\` stops and removes exactly these, with their data.`,
          details: leftovers.map(leftoverText),
        },
      );
    }
    await removeLeftovers(returning, leftovers);
    for (const leftover of leftovers)
      app.ui.warn(`host ${host.host_id}: removed ${leftoverText({ ...leftover, running: false })}`);
  }
  await store.hosts.register(host, tombstone);
}
