import type { Reporter, TestCase } from 'vitest/node';

/** Tells of a failure when it happens: a run takes a quarter of an hour, and may be ended before it tells at its end. */
export class FailuresAtOnce implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors = [] } = test.result();
    if (state !== 'failed') return;
    for (const error of errors) process.stderr.write(`${test.fullName}: ${wordsOf(error)}\n`);
  }
}

function wordsOf(error: {
  readonly stack?: string;
  readonly message: string;
  readonly cause?: unknown;
}): string {
  const words = error.stack ?? error.message;
  const { cause } = error;
  if (typeof cause !== 'object' || cause === null || !('message' in cause)) return words;
  return `${words}\n  caused by ${wordsOf(cause as Parameters<typeof wordsOf>[0])}`;
}
