import { showContext } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { contextDocument } from '../shared/context-document.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('[context]', 'name of the context (default: the one that is in use)')
      .addHelpText('after', '\nExamples:\n  pgctl context show\n  pgctl context show prod'),
  async run(app, [name]) {
    const settings = name === undefined ? app.settings : await app.settingsIn(name);
    if (settings.problem !== null) throw settings.problem;
    app.ui.result(await contextDocument(app, settings, name), showContext);
  },
};
