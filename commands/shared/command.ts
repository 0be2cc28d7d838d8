import type { Command } from 'commander';
import type { ExitCode } from '../../src/errors.ts';
import type { App } from './app.ts';

/** The exit status of a program that a command only leads to: it is pgctl's own then, whatever it means there. */
export interface PassedStatus {
  readonly passed: number;
}

/** What a command's file exports: what it takes, and what it does. */
export interface CommandModule {
  /** Declares arguments, options and an example. */
  configure(command: Command): void;
  /**
   * Does it. Throws PgctlError; the exit code is 0 unless it returns another.
   *
   * @param program All commands; what else they are than their names only for one that needs all.
   */
  run(
    app: App,
    args: readonly string[],
    options: Readonly<Record<string, unknown>>,
    program: Command,
  ): Promise<ExitCode | PassedStatus | void>;
}
