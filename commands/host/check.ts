import { EXIT, type ExitCode } from '../../src/errors.ts';
import { showHost, showHostList } from '../../src/ui/views.ts';
import { type CheckedHost, checkHost } from '../shared/check-host.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireHost, warnCorrupt } from '../shared/lookup.ts';

function exitCodeOf(checked: readonly CheckedHost[]): ExitCode {
  if (checked.some(({ late }) => late)) return EXIT.timeout;
  return checked.every(({ document }) => document.state === 'reachable') ? EXIT.ok : EXIT.host;
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('[host]', 'id of the host (default: all)')
      .addHelpText('after', '\nExample:\n  pgctl host check host-1'),
  async run(app, [id]) {
    const store = await app.store();
    if (id !== undefined) {
      const checked = await checkHost(app, await requireHost(store, id), { record: true });
      app.ui.result(checked.document, showHost);
      return exitCodeOf([checked]);
    }
    const { items, corrupt } = await store.hosts.list();
    warnCorrupt(app, corrupt);
    const checked = await Promise.all(items.map((stored) => checkHost(app, stored, { record: true })));
    app.ui.result({ kind: 'HostList', items: checked.map(({ document }) => document) }, showHostList);
    return exitCodeOf(checked);
  },
};
