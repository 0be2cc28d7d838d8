import type { CommandModule } from '../shared/command.ts';
import { hostDocument } from '../shared/host-document.ts';
import { warnCorrupt } from '../shared/lookup.ts';
import { showHostList } from '../../src/ui/views.ts';

export const command: CommandModule = {
  configure: (command) => void command.addHelpText('after', '\nExample:\n  pgctl host list -o json'),
  async run(app) {
    const listing = await (await app.store()).hosts.list();
    warnCorrupt(app, listing.corrupt);
    app.ui.result(
      { kind: 'HostList', items: listing.items.map(({ value }) => hostDocument(value)) },
      showHostList,
    );
  },
};
