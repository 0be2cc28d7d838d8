import type { Etcd3 } from 'etcd3';
import type { CallOptions } from './channel.ts';
import { bytes, prefixEnd } from './txn.ts';

/**
 * One stream of changes. etcd3's own watcher authenticates in a way that is not used here (see `withToken`) and
 * hides when it is connected, so its stream is used directly.
 */
export async function openWatch(
  channel: Etcd3,
  prefixes: readonly string[],
  on: { readonly changed: () => void; readonly ended: () => void; readonly options: CallOptions },
): Promise<() => void> {
  const stream = await channel.watchClient.watch(on.options);
  let open = true;
  const end = (): void => {
    if (!open) return;
    open = false;
    on.ended();
  };
  let created = 0;
  stream.on('data', (answer) => {
    const { canceled, events } = answer;
    if (answer.created) created += 1;
    if (canceled) {
      stream.cancel();
      end();
    } else if (open && (events.length > 0 || (answer.created && created === prefixes.length))) {
      // What happened before the last of them was there is to be read as well.
      on.changed();
    }
  });
  stream.on('error', end);
  stream.on('end', end);
  for (const prefix of prefixes)
    stream.write({ create_request: { key: bytes(prefix), range_end: prefixEnd(prefix) } });
  return () => {
    open = false;
    stream.cancel();
  };
}
