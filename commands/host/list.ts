import { EXIT } from '../../src/errors.ts';
import { checkHost } from '../shared/check-host.ts';
import type { CommandModule } from '../shared/command.ts';
import { hostDocument } from '../shared/host-document.ts';
import { warnCorrupt } from '../shared/lookup.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .option('--check', 'look at each host to tell its state; without it no host is asked')
      .addHelpText('after', '\nExample:\n  pgctl host list -o json'),
  async run(app, _args, { check }) {
    const { items, corrupt } = await (await app.store()).hosts.list();
    warnCorrupt(app, corrupt);
    const shown =
      check === true
        ? await Promise.all(items.map((stored) => checkHost(app, stored, { record: false })))
        : items.map(({ value }) => ({ document: hostDocument(value), late: false }));
    await app.show(
      { kind: 'HostList', items: shown.map(({ document }) => document) },
      (views) => views.showHostList,
    );
    return shown.some(({ late }) => late) ? EXIT.timeout : EXIT.ok;
  },
};
