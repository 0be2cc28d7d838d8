import { EXIT, type ExitCode, PgctlError } from '../src/errors.ts';
import { showStatus, showWatchedStatus, statusChanges } from '../src/ui/views.ts';
import type { App } from './shared/app.ts';
import type { CommandModule } from './shared/command.ts';
import { readStatus } from './shared/status-document.ts';
import type { Seen } from './shared/watch-status.ts';

/** What is shown is not said to be old before this age, in milliseconds: etcd is asked every second. */
const OLD_MS = 3000;
/** How often the age of what is shown is drawn anew, in milliseconds. */
const TICK_MS = 1000;

const ageOf = ({ at }: Seen): number => performance.now() - at;

/** A screen of its own, until `q` or Ctrl-C. */
async function watchOnScreen(app: App): Promise<ExitCode> {
  const { untilEnded, watchStatus } = await import('./shared/watch-status.ts');
  // Where etcd is not there to begin with, that is an error, not a screen.
  await readStatus(app);
  return untilEnded(app, async ({ signal, by }) => {
    let seen: Seen | null = null;
    const view = app.ui.live(
      (theme) => {
        if (seen === null) return '';
        const { status, silence } = seen;
        const age = ageOf(seen);
        return showWatchedStatus(
          { status, ageMs: silence === null && age < OLD_MS ? null : age, silence: silence?.message ?? null },
          theme,
        );
      },
      (key) => by(key === 'q' ? EXIT.ok : EXIT.sigint),
    );
    const tick = setInterval(() => view.draw(), TICK_MS);
    try {
      await watchStatus(
        app,
        (now) => {
          seen = now;
          view.draw();
        },
        signal,
      );
    } finally {
      clearInterval(tick);
      view.close();
    }
  });
}

/** A line per change, for logs and pipes. */
async function watchInLines(app: App): Promise<ExitCode> {
  const { untilEnded, watchStatus } = await import('./shared/watch-status.ts');
  return untilEnded(app, async ({ signal }) => {
    let before: Seen | null = null;
    const say = (text: string): void => app.ui.line(`${app.now()} ${text}`);
    await watchStatus(
      app,
      (now) => {
        const silent = before?.silence ?? null;
        if (now.silence !== null && silent === null) {
          say(`etcd does not answer; the last known state is ${Math.round(ageOf(now) / 1000)} s old`);
        } else if (now.silence === null && silent !== null) {
          say('etcd answers again');
        }
        for (const line of statusChanges(before?.status ?? null, now.status)) say(line);
        before = now;
      },
      signal,
    );
  });
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .option('-w, --watch', 'go on showing it as it changes, until q or Ctrl-C')
      .addHelpText('after', '\nExamples:\n  pgctl status\n  pgctl status --watch'),
  async run(app, _args, options) {
    if (options.watch !== true) {
      app.ui.result(await readStatus(app), showStatus);
      return;
    }
    const { output } = app.globals;
    if (output !== 'text') {
      throw new PgctlError('usage', `--watch and --output ${output} exclude each other`, {
        hint: 'A document has an end. Ask for `pgctl status` again and again, or take the lines of --watch in a pipe.',
      });
    }
    return app.ui.interactive ? watchOnScreen(app) : watchInLines(app);
  },
};
