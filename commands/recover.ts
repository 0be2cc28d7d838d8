import { PgctlError } from '../src/errors.ts';
import type { CommandModule } from './shared/command.ts';
import { recoverHosts } from './shared/recover-hosts.ts';

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export const command: CommandModule = {
  configure: (command) =>
    void command
      .option('--remove-host <host>', 'a host that is lost for good, repeatable', collect)
      .option('--force', 'also where the host still answers')
      .option('--allow-data-loss', 'also where the last copy of a database is on it')
      .option('--dry-run', 'show what would happen, and touch nothing')
      .addHelpText('after', '\nExample:\n  pgctl recover --remove-host host-2'),
  async run(app, _args, options) {
    const named = (options.removeHost ?? []) as readonly string[];
    if (named.length === 0) {
      throw new PgctlError('usage', 'nothing says which host is lost', {
        hint: 'Name it: `pgctl recover --remove-host <host>`; `pgctl status` shows what does not run.',
      });
    }
    return recoverHosts(app, named, {
      force: options.force === true,
      allowDataLoss: options.allowDataLoss === true,
      dryRun: options.dryRun === true,
    });
  },
};
