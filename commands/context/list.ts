import { toPgctlError } from '../../src/errors.ts';
import type { ContextListDocument } from '../../src/ui/documents.ts';
import { showContextList } from '../../src/ui/views.ts';
import type { CommandModule } from '../shared/command.ts';
import { withoutPasswords } from '../shared/context-document.ts';
import { type ContextFile, readContextFile, settingsOf } from '../shared/context-file.ts';

/** One context; what is wrong with it keeps no other from being listed. */
function itemOf(
  file: ContextFile,
  name: string,
  inUse: string | undefined,
): ContextListDocument['items'][number] {
  const item = { kind: 'Context', name, current: name === inUse } as const;
  try {
    const settings = Object.entries(settingsOf(file, name)).map(([key, value]) => [
      key,
      withoutPasswords(value),
    ]);
    return { ...item, settings: Object.fromEntries(settings) as Record<string, string>, error: null };
  } catch (thrown) {
    return { ...item, settings: {}, error: toPgctlError(thrown).message };
  }
}

export const command: CommandModule = {
  configure: (command) => void command.addHelpText('after', '\nExample:\n  pgctl context list'),
  async run(app) {
    const file = await readContextFile(app.env);
    const inUse = app.settings.context?.value;
    if (inUse !== undefined && app.settings.problem !== null) app.ui.warn(app.settings.problem.message);
    const items = [...file.contexts.keys()].map((name) => itemOf(file, name, inUse));
    app.ui.result({ kind: 'ContextList', file: file.file, items }, showContextList);
  },
};
