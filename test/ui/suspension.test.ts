import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it, vi } from 'vitest';

const REGION = fileURLToPath(new URL('../../src/ui/region.ts', import.meta.url));
/** Draws as the spinner does, several times a second. */
const DRAWS = `import { openRegion } from ${JSON.stringify(REGION)};
const region = openRegion(process.stdout);
setInterval(() => region.draw(['working']), 50);`;
const SHOW_CURSOR = '\u001b[?25h';

/**
 * A shell with jobs: a process that nobody in its session could continue is never stopped, and a test may be run by
 * somebody who has gone. It says the job's pid first.
 */
const SHELL = 'set -m; "$@" & echo "pid $!"; while sleep 1; do :; done';

let shell: ChildProcess;
let pid = 0;
afterEach(() => {
  if (pid !== 0) process.kill(pid, 'SIGKILL');
  shell.kill('SIGKILL');
});

/** T: stopped. */
const state = (): string => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.charAt(0) ?? '';

it('a process that Ctrl-Z stops while lines move has given the cursor back, and draws again when it goes on', async () => {
  const program = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', DRAWS];
  shell = spawn('bash', ['-c', SHELL, 'bash', ...program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  shell.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const says = (text: string): Promise<void> =>
    vi.waitFor(() => expect(said).toContain(text), { timeout: 20_000, interval: 20 });
  await says('working');
  pid = Number(/pid (\d+)/.exec(said)?.[1]);
  for (let time = 0; time < 2; time++) {
    process.kill(pid, 'SIGTSTP');
    await vi.waitFor(() => expect(state()).toBe('T'), { timeout: 20_000, interval: 20 });
    await says(SHOW_CURSOR);
    expect(said.endsWith(SHOW_CURSOR)).toBe(true);
    said = '';
    process.kill(pid, 'SIGCONT');
    await says('working');
  }
});
