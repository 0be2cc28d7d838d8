import { Command, CommanderError } from 'commander';
import { EXIT, type ExitCode, PgctlError, toPgctlError } from '../src/errors.ts';
import { VERSION } from '../src/version.ts';
import { type CommandEntry, COMMANDS } from './registry.ts';
import type { Io } from './shared/app.ts';
import type { CommandModule } from './shared/command.ts';
import { isTopic } from './shared/help/topics.ts';
import { addGlobalOptions, takesValue } from './shared/global-options.ts';

/** The first two words that are neither options nor values of global ones: the noun and the verb. */
function wordsOf(argv: readonly string[]): [string | undefined, string | undefined] {
  const words: string[] = [];
  for (let i = 0; i < argv.length && words.length < 2; i++) {
    const word = argv[i] ?? '';
    if (word === '--') break;
    if (takesValue(word)) i++;
    else if (!word.startsWith('-')) words.push(word);
  }
  return [words[0], words[1]];
}

/**
 * `help db create`, `db help create` and `db create help` are `db create --help`, so that the command that is
 * explained is loaded; `help` with a topic is a command of its own.
 */
function withoutHelpWord(argv: readonly string[]): readonly string[] {
  const [noun, verb] = wordsOf(argv);
  const [group, other] = noun === 'help' ? [verb, undefined] : [noun, verb];
  const explains =
    noun === 'help'
      ? group === undefined
        ? !argv.some((word) => /^(--man(=.*)?|--help|-h)$/.test(word))
        : Object.hasOwn(COMMANDS, group) && !isTopic(group)
      : other === 'help' && group !== undefined && Object.hasOwn(COMMANDS, group);
  if (!explains) return argv;
  const at = argv.indexOf('help');
  return [...argv.slice(0, at), ...argv.slice(at + 1), '--help'];
}

/**
 * Runs one command line and returns its exit code, one of EXIT or what a program that it leads to ended with. Nothing is printed but through `io`; nothing is thrown.
 *
 * @param given The arguments after the program's name.
 */
export async function main(given: readonly string[], io: Io): Promise<number> {
  const argv = withoutHelpWord(given);
  const program = new Command('pgctl');
  let text = '';
  program
    .description('Runs highly available PostgreSQL on your own Linux hosts.')
    .version(VERSION, '-V, --version', 'print the version')
    .showSuggestionAfterError(true)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (out) => io.stdout.write(out),
      writeErr: (out) => {
        text += out;
      },
    });
  addGlobalOptions(program);

  const [noun, verb] = wordsOf(argv);
  const run = await declareCommands(program, { noun, verb });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return await run(io, program);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return EXIT.ok;
      if (thrown.code === 'commander.help' && wantsText(program, io)) {
        io.stderr.write(`${text}\nerror: no command is given\n`);
        return EXIT.usage;
      }
      return fail(io, program, usageError(thrown, text));
    }
    return fail(io, program, toPgctlError(thrown));
  }
}

/** What commander says is wrong, in the words of an error of pgctl. */
function usageError(error: CommanderError, text: string): PgctlError {
  if (error.code === 'commander.help') {
    return new PgctlError('usage', 'no command is given', { details: text.trimEnd().split('\n') });
  }
  const [first = '', ...more] = text
    .trim()
    .replace(/^error: /, '')
    .split('\n');
  const suggestion = more
    .join(' ')
    .trim()
    .replace(/^\((.*)\)$/, '$1');
  return new PgctlError('usage', first, { hint: suggestion || 'See `pgctl --help`.' });
}

function wantsText(program: Command, io: Io): boolean {
  return ((program.opts().output as string | undefined) ?? io.env.PGCTL_OUTPUT ?? 'text') === 'text';
}

async function fail(io: Io, program: Command, error: PgctlError): Promise<ExitCode> {
  const { openErrorUi } = await import('./shared/app.ts');
  (await openErrorUi(io, program.opts())).error(error);
  return error.exitCode;
}

type Run = (io: Io, program: Command) => Promise<number>;

/** Runs a command; an error is told through the same Ui, so that a document that is out already stays the only one. */
function runnerOf(module: CommandModule, command: Command): Run {
  return async (io, program) => {
    const { App } = await import('./shared/app.ts');
    const { endUnlessHeard, unlessAborted } = await import('../src/executor/signals.ts');
    const app = await App.open(io, program.opts());
    const ending = endUnlessHeard();
    try {
      const running = module.run(app, command.args, command.opts(), program);
      const ended = (await unlessAborted(ending.signal, running)) ?? EXIT.ok;
      return typeof ended === 'object' ? ended.passed : ended;
    } catch (thrown) {
      const error = toPgctlError(thrown);
      app.ui.error(error);
      return error.exitCode;
    } finally {
      ending.dispose();
      await app.close();
    }
  };
}

/** Declares all commands; only the one that is asked for is loaded, and its options are known. */
async function declareCommands(
  program: Command,
  asked: { readonly noun: string | undefined; readonly verb: string | undefined },
): Promise<Run> {
  let run: Run = () => Promise.resolve(EXIT.ok);
  const node = COMMANDS[asked.noun ?? ''];
  const all = node !== undefined && 'needsAll' in node;
  const declare = async (command: Command, entry: CommandEntry, isAsked: boolean): Promise<void> => {
    command.description(entry.summary);
    if (!isAsked && !all) return;
    const { command: module } = await entry.load();
    module.configure(command);
    command.allowExcessArguments(false).action(() => {
      run = runnerOf(module, command);
    });
  };
  for (const [word, node] of Object.entries(COMMANDS)) {
    const command = program.command(word);
    if (!('verbs' in node)) {
      await declare(command, node, word === asked.noun);
      continue;
    }
    command.description(node.summary).helpCommand(false);
    // What can be done to things of another kind is not asked for.
    if (word !== asked.noun && !all) continue;
    for (const [verb, entry] of Object.entries(node.verbs))
      await declare(command.command(verb), entry, word === asked.noun && verb === asked.verb);
  }
  return (io, root) => run(io, root);
}
