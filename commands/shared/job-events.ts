import { performance } from 'node:perf_hooks';
import type { JobResult } from '../../src/transport/target.ts';
import type { TransportOptions } from '../../src/transport/transport.ts';
import type { Reporter } from '../../src/ui/events.ts';

/** Lines of a job's output that are shown. */
const TAIL_LINES = 12;

/** Reports what the transport runs; with everything that is in it only where that is wanted. */
export function jobReporter(
  report: Reporter,
  { everything }: { readonly everything: boolean },
): NonNullable<TransportOptions['onJob']> {
  return (hostId, { about, nonce }) => {
    const steps = about?.steps ?? [];
    const since = performance.now();
    report({ kind: 'job_started', hostId, steps, scripts: everything ? (about?.show() ?? []) : null });
    return (result) =>
      report({
        kind: 'job_finished',
        hostId,
        steps,
        outcome: result.kind === 'finished' ? `exit status ${result.status}` : result.kind,
        durationMs: Math.round(performance.now() - since),
        output: everything ? tailOf(result, nonce) : null,
      });
  };
}

/** The end of what a job said, without the frames that its output came in. */
function tailOf(result: JobResult, nonce: string): string {
  const texts = [
    'stdout' in result ? result.stdout : '',
    'stderr' in result ? result.stderr : '',
    'reason' in result ? result.reason : '',
  ];
  return texts
    .map((text) =>
      text
        .split('\n')
        .filter((line) => line.trim() !== '' && !line.startsWith(nonce))
        .slice(-TAIL_LINES)
        .join('\n'),
    )
    .filter((text) => text !== '')
    .join('\n');
}
