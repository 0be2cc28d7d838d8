import { showRemovedHost } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { hostDocument } from '../shared/host-document.ts';
import { requireHost } from '../shared/lookup.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<host>', 'id of the host')
      .option('--dry-run', 'only say whether it can be removed')
      .addHelpText('after', '\nExample:\n  pgctl host remove host-3'),
  async run(app, [id = ''], { dryRun }) {
    const store = await app.store();
    const host = await requireHost(store, id);
    if (dryRun === true) await store.hosts.requireEmpty(host);
    else await store.hosts.remove(host);
    const done = dryRun === true ? 'would be removed; nothing was changed' : 'removed';
    app.ui.result(hostDocument(host.value), showRemovedHost(done));
  },
};
