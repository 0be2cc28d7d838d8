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

let child: ChildProcess;
afterEach(() => void child.kill('SIGKILL'));

/** T: stopped. */
const stateOf = (pid: number): string =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.charAt(0) ?? '';

it('a process that Ctrl-Z stops while lines move has given the cursor back, and draws again when it goes on', async () => {
  child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', DRAWS], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const says = (text: string): Promise<void> =>
    vi.waitFor(() => expect(said).toContain(text), { timeout: 20_000, interval: 20 });
  await says('working');
  for (let time = 0; time < 2; time++) {
    child.kill('SIGTSTP');
    await vi.waitFor(() => expect(stateOf(child.pid ?? 0)).toBe('T'), { timeout: 20_000, interval: 20 });
    await says(SHOW_CURSOR);
    expect(said.endsWith(SHOW_CURSOR)).toBe(true);
    said = '';
    child.kill('SIGCONT');
    await says('working');
  }
});
