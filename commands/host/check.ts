import type { PgctlError } from '../../src/errors.ts';
import { EXIT, toPgctlError } from '../../src/errors.ts';
import { probeHost } from '../../src/executor/probe-host.ts';
import type { HostRecord } from '../../src/records/types.ts';
import type { HostDocument } from '../../src/ui/documents.ts';
import { showHost, showHostList } from '../../src/ui/views.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { hostDocument } from '../shared/host-document.ts';
import { requireHost } from '../shared/lookup.ts';

/** Looks at a host, writes what was found into its record, and says how it is. */
async function check(
  app: App,
  stored: { readonly value: HostRecord; readonly modRevision: string },
): Promise<HostDocument> {
  const store = await app.store();
  const { endpoints } = await app.connection();
  try {
    const { host, findings } = await probeHost({
      transport: await app.transport(),
      host: stored.value,
      endpoints,
      now: () => new Date(),
    });
    await store.hosts.put(host, { modRevision: stored.modRevision });
    return hostDocument(host, { state: findings.length === 0 ? 'reachable' : 'unusable', findings });
  } catch (thrown) {
    const error = toPgctlError(thrown);
    const state = STATE_OF[error.code];
    if (state === undefined) throw error;
    return hostDocument(stored.value, { state, findings: [error.message] });
  }
}

const STATE_OF: Partial<Record<PgctlError['code'], HostDocument['state']>> = {
  host_unreachable: 'unreachable',
  host_unusable: 'unusable',
};

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('[host]', 'id of the host (default: all)')
      .addHelpText('after', '\nExample:\n  pgctl host check host-1'),
  async run(app, [id]) {
    const store = await app.store();
    if (id !== undefined) {
      const document = await check(app, await requireHost(store, id));
      app.ui.result(document, showHost);
      return document.state === 'reachable' ? EXIT.ok : EXIT.host;
    }
    const { items } = await store.hosts.list();
    const documents = await Promise.all(items.map((stored) => check(app, stored)));
    app.ui.result({ kind: 'HostList', items: documents }, showHostList);
    return documents.every(({ state }) => state === 'reachable') ? EXIT.ok : EXIT.host;
  },
};
