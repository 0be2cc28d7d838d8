import { PgctlError } from '../errors.ts';
import type { Store } from '../store/store.ts';

/** How often a run looks whether it is to stop, in milliseconds. */
const LOOK_MS = 1000;

/**
 * Looks in etcd, until it is told not to, whether somebody asked for the task to stop, and says so once. A look
 * that fails is no reason to stop. Returns how to end it.
 *
 * @param onRequest gets a PgctlError `canceled` that says who asked
 */
export function watchForCancel(
  store: Store,
  taskId: string,
  onRequest: (reason: PgctlError) => void,
): () => void {
  let looking = false;
  const timer = setInterval(() => void look(), LOOK_MS);
  const end = (): void => clearInterval(timer);

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      const request = await store.tasks.cancelRequest(taskId);
      if (request === null) return;
      end();
      onRequest(
        new PgctlError('canceled', `canceled by ${request.who} from ${request.from.host}`, {
          hint: `\`pgctl task resume ${taskId}\` goes on where it stopped.`,
        }),
      );
    } catch {
      // etcd did not answer: the next look is a second away, and the lock has its own timer.
    } finally {
      looking = false;
    }
  }
  return end;
}
