import { EXIT } from '../../src/errors.ts';
import type { CommandModule } from './command.ts';
import { runOperation, showRehearsal } from './operations.ts';
import { addSpecOptions, givenSpec } from './spec-input.ts';
import { type SpecChange, specOperation } from './spec-operation.ts';

/** A command that makes a database what a spec says. */
export function specCommand(mode: SpecChange['mode']): CommandModule {
  return {
    configure(command) {
      addSpecOptions(command);
      command.option('--dry-run', 'show what would happen, and touch nothing');
      if (mode !== 'create') command.option('--force-update', 'update also what does not differ');
      command.addHelpText(
        'after',
        `\nExamples:\n  pgctl db ${mode} -f shop.yaml\n  pgctl db ${mode} shop --hosts host-1,host-2,host-3`,
      );
    },
    async run(app, [id], options) {
      const force = options.forceUpdate === true;
      const request = specOperation(await givenSpec(app, id, options), { mode, force });
      if (options.dryRun !== true) return runOperation(app, request);
      await showRehearsal(app, request);
      return EXIT.ok;
    },
  };
}
