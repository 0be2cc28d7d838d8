import { performance } from 'node:perf_hooks';
import { PgctlError } from '../errors.ts';
import { cleanDocument, cleanPainted, cleanText, indentRest } from './clean.ts';
import { errorDocument, errorText } from './error-text.ts';
import type { ProgressEvent } from './events.ts';
import type { EventsFile } from './events-file.ts';
import { github, withoutCommands } from './github.ts';
import { type Progress, silentProgress } from './progress.ts';
import { type LiveView, type LiveViewOptions, openLiveView } from './live-view.ts';
import { githubProgress } from './progress-github.ts';
import { plainProgress } from './progress-plain.ts';
import { terminalProgress } from './progress-terminal.ts';
import { ask, type InputStream } from './prompt.ts';
import { toJsonText, toYamlText } from './serialize.ts';
import { openSink, type OutputStream, type Sink } from './sink.ts';
import { oraSpinner } from './spinner.ts';
import { type ColorMode, openTheme, type Theme, wantsColor } from './theme.ts';

export interface UiOptions {
  readonly format: 'text' | 'json' | 'yaml';
  readonly color: ColorMode;
  /** No progress; the result, warnings and errors stay. */
  readonly quiet: boolean;
  /** From 1 on also what begins and what caused an error, from 2 on stacks. */
  readonly verbosity: number;
  /** False: never ask. */
  readonly input: boolean;
  /** Where events go besides. */
  readonly events?: EventsFile;
  /** NO_COLOR, FORCE_COLOR, TERM and GITHUB_ACTIONS are read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
}

export interface Confirmation {
  /** What would happen, over as many lines as it needs. */
  readonly question: string;
  /** What has to be typed. */
  readonly expected: string;
}

/** All that pgctl says and asks. The result goes to stdout, everything else to stderr. */
export interface Ui {
  report(event: ProgressEvent): void;
  /** The one result of a command. `render` makes its text and is not called for JSON and YAML. */
  result<Document extends { readonly kind: string }>(
    document: Document,
    render: (document: Document, theme: Theme) => string,
  ): void;
  /** One line of a result that comes bit by bit; for text only. */
  line(text: string): void;
  /** Whether stdout is a terminal that can be drawn on. */
  readonly interactive: boolean;
  /** A screen of its own on it; see `openLiveView`. */
  live(render: (theme: Theme) => string, onEnd: LiveViewOptions['onEnd']): LiveView;
  /** How a command failed. In JSON and YAML it is the result, unless there is one already. */
  error(error: PgctlError): void;
  /** Something to know that stops nothing. */
  warn(message: string): void;
  /**
   * Asks and returns the line that was typed.
   *
   * @param flag What answers the question in advance, for the error where there is nobody to ask.
   */
  ask(question: string, flag: string): Promise<string>;
  /** Has a word typed; throws where another one is. `--yes` is for the caller to look at. */
  confirm(confirmation: Confirmation): Promise<void>;
  /** Takes away what moves. Nothing is shown after it. */
  close(): Promise<void>;
}

export function openUi(options: UiOptions): Ui {
  const { format, verbosity, input } = options;
  // A document is the runner's to keep, not to read.
  const onGithub = options.env.GITHUB_ACTIONS === 'true';
  const transform = onGithub ? withoutCommands : undefined;
  const err = openSink(options.stderr, { transform });
  const out = openSink(options.stdout, {
    transform: format === 'text' ? transform : undefined,
    onLoss: (error) => warn(`the result could not be written to the standard output: ${error.message}`),
  });
  const runner = openSink(options.stderr);
  const command = onGithub ? (line: string): void => runner.line(line) : null;
  const outTheme = themeOf(out, options);
  const errTheme = themeOf(err, options);
  const progress = openProgress(options, { err, theme: errTheme, command });
  let answered = false;
  // What a signal left behind goes on for a moment, and is not to be heard any more.
  let closed = false;

  const answer = (document: { readonly kind: string }): void => {
    answered = true;
    out.line(format === 'json' ? toJsonText(document) : toYamlText(document));
  };
  const question = (text: string, flag: string): Promise<string> => {
    progress.pause();
    const show = (shown: string): void => err.write(`${cleanText(shown).trimEnd()} `);
    return ask(text, { stdin: options.stdin, input, flag, show });
  };
  const warn = (message: string): void => {
    if (command !== null) command(github.warning(message));
    else progress.above(() => err.line(`${errTheme.busy('warning:')} ${indentRest(message)}`));
  };

  return {
    report(event) {
      if (closed) return;
      options.events?.report(event);
      // A warning is no progress: it is shown with -q as well.
      if (event.kind === 'warning' && options.quiet) warn(event.message);
      else progress.report(event);
    },
    result(document, render) {
      if (closed) return;
      progress.pause();
      if (format === 'text') {
        answered = true;
        out.line(cleanPainted(render(cleanDocument(document), outTheme)));
      } else {
        answer(document);
      }
    },
    line(text) {
      if (!closed) progress.above(() => out.line(cleanText(text)));
    },
    interactive: out.terminal && options.env.TERM !== 'dumb',
    live(render, onEnd) {
      progress.pause();
      return openLiveView({
        stdin: options.stdin,
        stdout: out.stream,
        render: (columns) => cleanPainted(render({ ...outTheme, width: columns })),
        onEnd,
      });
    },
    error(error) {
      progress.pause();
      options.events?.error(error);
      const { code, message, hint } = error;
      if (command !== null)
        command(github.error(`pgctl: ${code}`, [message, hint ?? ''].join('\n').trimEnd()));
      if (format === 'text' || answered) err.line(errorText(error, { theme: errTheme, verbosity }));
      else answer(errorDocument(error));
    },
    warn(message) {
      options.events?.report({ kind: 'warning', message });
      if (!closed) warn(message);
    },
    ask: question,
    async confirm({ question: text, expected }) {
      const typed = (await question(`${text}\nType ${expected} to go on:`, '--yes')).trim();
      if (typed === expected) return;
      throw new PgctlError('not_confirmed', `not confirmed: ${JSON.stringify(typed)} is not ${expected}`, {
        hint: 'Nothing was changed.',
      });
    },
    async close() {
      closed = true;
      progress.close();
      await options.events?.close();
    },
  };
}

function themeOf({ terminal, width }: Sink, { color, env }: UiOptions): Theme {
  return openTheme({
    color: wantsColor({ mode: color, env, terminal: terminal && env.TERM !== 'dumb' }),
    width,
  });
}

function openProgress(
  { format, quiet, verbosity, env }: UiOptions,
  given: { readonly err: Sink; readonly theme: Theme; readonly command: ((line: string) => void) | null },
): Progress {
  const { err, theme, command } = given;
  if (quiet) return silentProgress;
  const write = (line: string): void => err.line(line);
  // A terminal that cannot move its cursor is a log.
  if (command !== null) return githubProgress(plainProgress(write, verbosity), command);
  if (format !== 'text' || !err.terminal || env.TERM === 'dumb') return plainProgress(write, verbosity);
  const spinner = oraSpinner(err.stream, theme);
  return terminalProgress({ write, theme, spinner, verbosity, now: () => performance.now() });
}
