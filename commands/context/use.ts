import { showContext } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { contextDocument } from '../shared/context-document.ts';
import { readContextFile, settingsOf, writeCurrent } from '../shared/context-file.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<context>', 'name of the context')
      .addHelpText('after', '\nExample:\n  pgctl context use prod'),
  async run(app, [name = '']) {
    const file = await readContextFile(app.env);
    settingsOf(file, name);
    if (file.current !== name) await writeCurrent(file, name);
    const inUse = app.settings.context;
    // What stands before the file still does.
    if (inUse !== null && inUse.source !== 'context' && inUse.value !== name)
      app.ui.warn(`${inUse.from} still says ${inUse.value}, and comes before what ${file.file} says`);
    const document = await contextDocument(app, await app.settingsIn(name), name);
    const from = 'its `current`';
    app.ui.result({ ...document, current: true, from }, showContext);
  },
};
