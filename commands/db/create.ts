import { creation } from '../shared/create-operation.ts';
import type { CommandModule } from '../shared/command.ts';
import { runOperation, showRehearsal } from '../shared/operations.ts';
import { addSpecOptions, givenSpec } from '../shared/spec-input.ts';

export const command: CommandModule = {
  configure(command) {
    addSpecOptions(command);
    command
      .option('--dry-run', 'show what would happen, and touch nothing')
      .addHelpText(
        'after',
        '\nExamples:\n  pgctl db create -f shop.yaml\n  pgctl db create shop --hosts host-1,host-2,host-3 --postgres-version 17',
      );
  },
  async run(app, [id], options) {
    const request = creation(await givenSpec(app, id, options));
    if (options.dryRun === true) await showRehearsal(app, request);
    else await runOperation(app, request);
  },
};
