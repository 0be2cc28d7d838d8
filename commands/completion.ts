import { PgctlError } from '../src/errors.ts';
import { commandTree } from './shared/command-tree.ts';
import type { CommandModule } from './shared/command.ts';
import { bashScript } from './shared/completion/bash.ts';
import { fishScript } from './shared/completion/fish.ts';
import { type Completed, completed, type Shell, SHELLS } from './shared/completion/kinds.ts';
import type { Launcher } from './shared/completion/words.ts';
import { zshScript } from './shared/completion/zsh.ts';
import { oneOf } from './shared/globals.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const satisfies Record<
  Shell,
  (all: readonly Completed[], launcher: Launcher) => string
>;

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<shell>', SHELLS.join(', '))
      .addHelpText(
        'after',
        [
          '',
          'Names of databases, instances, hosts, tasks and contexts are completed too, where etcd answers in time.',
          '',
          'Examples:',
          '  pgctl completion bash > ~/.local/share/bash-completion/completions/pgctl',
          '  pgctl completion zsh > ~/.zfunc/_pgctl',
          '  pgctl completion fish > ~/.config/fish/completions/pgctl.fish',
        ].join('\n'),
      ),
  run(app, [given = ''], _options, program) {
    const shell = oneOf(SHELLS, given, 'shell');
    const [node, script] = process.argv;
    if (node === undefined || script === undefined)
      throw new PgctlError('internal', 'pgctl has no file of its own');
    // A script is a script in every format: shells read nothing else.
    app.io.stdout.write(SCRIPTS[shell](completed(commandTree(program)), [node, script]));
    return Promise.resolve();
  },
};
