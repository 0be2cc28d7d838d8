import type { CommandModule } from '../shared/command.ts';
import { requireTask } from '../shared/lookup.ts';
import { taskDocument } from '../shared/task-document.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<task>', 'id of the task')
      .addHelpText('after', '\nExample:\n  pgctl task get 20260102-030405678-abc123'),
  async run(app, [id = '']) {
    const store = await app.store();
    const { value } = await requireTask(store, id);
    await app.show(taskDocument(value, await store.locks()), (views) => views.showTask);
  },
};
