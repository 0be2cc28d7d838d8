import type { CommandModule } from '../shared/command.ts';
import { hostDocument } from '../shared/host-document.ts';
import { requireHost } from '../shared/lookup.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<host>', 'id of the host')
      .addHelpText('after', '\nExample:\n  pgctl host get host-1'),
  async run(app, [id = '']) {
    const { value } = await requireHost(await app.store(), id);
    await app.show(hostDocument(value), (views) => views.showHost);
  },
};
