import type { Plan } from '../plan/plan.ts';
import type { NodeAttributes } from '../resources/node.ts';
import { nodeType } from '../resources/node.ts';
import { attributesOf } from '../resources/type.ts';
import type { Store } from '../store/store.ts';

/**
 * Waits until etcd, where everybody looks, shows the members of new nodes: they serve by now, and Patroni may not
 * have said so. Whoever asks right after a create is not to be told that it is degraded. It is waited for at the
 * end, since the rest of a create does not need it, and for no longer than Patroni's loop takes.
 */
export async function untilTold(store: Store, plans: readonly Plan[]): Promise<void> {
  const made = plans
    .flat(2)
    .filter(({ type, resource }) => type === 'create' && resource.type === nodeType.type)
    .map(({ resource }) => attributesOf<NodeAttributes>(resource));
  await Promise.all(made.map(({ scope, members }) => store.patroni.untilRunning(scope, members)));
}
