import { EXIT, PgctlError } from '../../src/errors.ts';
import type { OperationRequest } from '../../src/executor/request.ts';
import { isId } from '../../src/store/keys.ts';
import type { App } from './app.ts';
import type { CommandModule } from './command.ts';
import { runOperation, showRehearsal } from './operations.ts';
import { addSpecOptions, givenSpec } from './spec-input.ts';
import { type SpecChange, specOperation } from './spec-operation.ts';

/** What a saved plan says; it names its spec and how it is taken itself. */
async function savedOperation(
  app: App,
  file: string,
  options: Readonly<Record<string, unknown>>,
): Promise<OperationRequest> {
  const more = Object.keys(options).filter((name) => name !== 'dryRun');
  if (more.length > 0) {
    throw new PgctlError(
      'usage',
      `a saved plan (${file}) says all there is to say; only --dry-run goes with it`,
    );
  }
  const { readSavedPlan } = await import('./saved-plan.ts');
  return readSavedPlan(app, file);
}

/** A command that makes a database what a spec says. */
export function specCommand(mode: SpecChange['mode']): CommandModule {
  return {
    configure(command) {
      addSpecOptions(command);
      command.option('--dry-run', 'show what would happen, and touch nothing');
      if (mode !== 'create') command.option('--force-update', 'update also what does not differ');
      command.addHelpText(
        'after',
        `\nExamples:\n  pgctl db ${mode} -f shop.yaml\n  pgctl db ${mode} shop --hosts host-1,host-2,host-3` +
          (mode === 'apply'
            ? '\n  pgctl db apply plan.json    (saved by `pgctl db plan --out plan.json`)'
            : ''),
      );
    },
    async run(app, [id], options) {
      const force = options.forceUpdate === true;
      const request =
        mode === 'apply' && id !== undefined && !isId(id)
          ? await savedOperation(app, id, options)
          : specOperation(await givenSpec(app, id, options), { mode, force });
      if (options.dryRun !== true) return runOperation(app, request);
      await showRehearsal(app, request);
      return EXIT.ok;
    },
  };
}
