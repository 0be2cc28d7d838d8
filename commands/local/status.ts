import { showLocal } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { localDocument } from '../shared/local-machine.ts';

export const command: CommandModule = {
  configure: (command) => void command.addHelpText('after', '\nExample:\n  pgctl local status'),
  async run(app) {
    app.ui.result(await localDocument(app), showLocal);
  },
};
