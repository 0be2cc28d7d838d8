import { showTaskLog } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireTask, warnCorrupt } from '../shared/lookup.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<task>', 'id of the task')
      .addHelpText('after', '\nExample:\n  pgctl task logs 20260102-030405678-abc123'),
  async run(app, [id = '']) {
    const store = await app.store();
    await requireTask(store, id);
    const { items, corrupt } = await store.tasks.events(id);
    warnCorrupt(app, corrupt);
    app.ui.result({ kind: 'TaskLog', task_id: id, items: items.map(({ value }) => value) }, showTaskLog);
  },
};
