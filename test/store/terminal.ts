import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, vi } from 'vitest';

const run = promisify(execFile);

/** A terminal that a test types into and looks at; tmux is one. */
export interface Terminal {
  /** Keys by their names in tmux: `Enter`, `Tab`, `C-z`; what is no name is typed. */
  press(...keys: readonly string[]): Promise<void>;
  /** Types a text as it is. */
  type(text: string): Promise<void>;
  screen(): Promise<string>;
  /** What tmux knows of it, by the name of one of its variables, such as `cursor_flag`. */
  knows(variable: string): Promise<string>;
  /** Waits until the screen shows this. */
  shows(text: RegExp, timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface TerminalOptions {
  /** Of the test's own, for the terminal's socket. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What runs in it. */
  readonly command: string;
}

export async function openTerminal({ directory, env, command }: TerminalOptions): Promise<Terminal> {
  const tmux = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run('tmux', ['-S', join(directory, 'tmux'), '-f', '/dev/null', ...args], {
      env: { ...env, TERM: 'xterm', SHELL: '/bin/sh' },
    });
    return stdout;
  };
  const screen = (): Promise<string> => tmux('capture-pane', '-p', '-J');
  await tmux('new-session', '-d', '-x', '150', '-y', '30', command);
  return {
    async press(...keys) {
      await tmux('send-keys', ...keys);
    },
    async type(text) {
      await tmux('send-keys', '-l', text);
    },
    screen,
    knows: async (variable) => (await tmux('display-message', '-p', `#{${variable}}`)).trim(),
    async shows(text, timeoutMs) {
      await vi.waitFor(async () => expect(await screen()).toMatch(text), {
        timeout: timeoutMs,
        interval: 50,
      });
    },
    async close() {
      await tmux('kill-server').catch(() => undefined);
    },
  };
}
