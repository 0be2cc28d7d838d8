import { showInstance } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { readDatabases } from '../shared/fleet.ts';
import { notFound } from '../shared/lookup.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<instance>', 'id of the instance, <database>.<node>.<host>')
      .addHelpText('after', '\nExample:\n  pgctl instance get shop.n1.host-1'),
  async run(app, [id = '']) {
    const instances = (await readDatabases(app)).flatMap((database) => database.instances);
    const found = instances.find((instance) => instance.instance_id === id);
    if (found === undefined)
      throw notFound(
        'instance',
        id,
        instances.map((instance) => instance.instance_id),
      );
    app.ui.result(found, showInstance);
  },
};
