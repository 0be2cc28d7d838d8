import { EXIT } from '../../src/errors.ts';
import { showHost, showHostList } from '../../src/ui/views.ts';
import { checkHost } from '../shared/check-host.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireHost, warnCorrupt } from '../shared/lookup.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('[host]', 'id of the host (default: all)')
      .addHelpText('after', '\nExample:\n  pgctl host check host-1'),
  async run(app, [id]) {
    const store = await app.store();
    if (id !== undefined) {
      const document = await checkHost(app, await requireHost(store, id), { record: true });
      app.ui.result(document, showHost);
      return document.state === 'reachable' ? EXIT.ok : EXIT.host;
    }
    const { items, corrupt } = await store.hosts.list();
    warnCorrupt(app, corrupt);
    const documents = await Promise.all(items.map((stored) => checkHost(app, stored, { record: true })));
    app.ui.result({ kind: 'HostList', items: documents }, showHostList);
    return documents.every(({ state }) => state === 'reachable') ? EXIT.ok : EXIT.host;
  },
};
