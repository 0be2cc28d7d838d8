import { PgctlError } from '../../src/errors.ts';
import type { InstanceLogsDocument } from '../../src/ui/documents.ts';
import type { App } from '../shared/app.ts';
import type { CommandModule } from '../shared/command.ts';
import { requireInstanceDocument } from '../shared/fleet.ts';
import { requireInstancePlace } from '../shared/instance-place.ts';
import { wholeNumber } from '../shared/whole-number.ts';

const DEFAULT_LINES = '100';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<instance>', 'id of the instance, <database>.<node>.<host>')
      .option('-f, --follow', 'go on with what comes, until Ctrl-C')
      .option('-n, --lines <n>', 'how many of the last lines', DEFAULT_LINES)
      .addHelpText('after', '\nExample:\n  pgctl instance logs shop.n1.host-1 -n 20 --follow'),
  async run(app, [id = ''], options) {
    const text = app.globals.output === 'text';
    const lines = wholeNumber(String(options.lines), '--lines', { least: 0 });
    const follow = options.follow === true;
    if (follow && !text) {
      throw new PgctlError('usage', `--follow and --output ${app.globals.output} exclude each other`, {
        hint: 'A document has an end. Leave --follow out, or take text.',
      });
    }
    const collected: string[] = [];
    const onLine = (line: string): void => {
      if (text) app.ui.line(line);
      else collected.push(line);
    };
    const ended = await readLog(app, { id, lines, follow, onLine });
    if (ended !== null && follow) return ended.exitCode;
    if (ended !== null) throw ended;
    if (text) return;
    const document: InstanceLogsDocument = { kind: 'InstanceLogs', instance_id: id, lines: collected };
    app.ui.result(document, () => collected.join('\n'));
  },
};

interface LogRequest {
  readonly id: string;
  readonly lines: number;
  readonly follow: boolean;
  readonly onLine: (line: string) => void;
}

/** Returns the error that says which signal ended it; null where it came to its end, or nobody reads any more. */
async function readLog(app: App, { id, lines, follow, onLine }: LogRequest): Promise<PgctlError | null> {
  const instance = await requireInstanceDocument(app, id);
  const { host, resources } = await requireInstancePlace(app, instance);
  const [{ outputsOf, runOnHost }, { endBySignal }, { instanceLogStep }] = await Promise.all([
    import('../../src/executor/on-host.ts'),
    import('../../src/executor/signals.ts'),
    import('../../src/resources/instance-log.ts'),
  ]);
  const step = instanceLogStep(id, resources, { lines, follow });
  if (step === null) {
    app.ui.warn(`nothing is there yet that could run ${id}`);
    return null;
  }
  const ending = endBySignal();
  const unread = new AbortController();
  app.io.stdout.once('error', () => unread.abort());
  try {
    const result = await runOnHost({
      transport: await app.transport(),
      host,
      steps: [step],
      fence: null,
      limitMs: app.globals.timeoutMs,
      signal: AbortSignal.any([ending.signal, unread.signal]),
      onLine,
    });
    if (ending.signal.aborted) return ending.signal.reason as PgctlError;
    if (unread.signal.aborted) return null;
    if (result.kind === 'ended') throw new PgctlError('timeout', result.error);
    if (result.kind === 'unknown')
      throw new PgctlError('host_unreachable', `the connection broke: ${result.error}`);
    outputsOf(result);
    return null;
  } finally {
    ending.dispose();
  }
}
