import type { Plan } from '../plan/plan.ts';
import type { NodeAttributes } from '../resources/node.ts';
import { nodeType } from '../resources/node.ts';
import { attributesOf } from '../resources/type.ts';
import type { Store } from '../store/store.ts';

/**
 * Waits until etcd, where everybody looks, shows the members of new and changed nodes as they are, and which of them
 * is the primary: they serve by now, and Patroni may not have said so. Whoever asks right after a create or a
 * recovery is not to be told that the database is degraded. It is waited for at the end, since the rest of an
 * operation does not need it, and for no longer than Patroni's loop takes.
 */
export async function untilTold(store: Store, plans: readonly Plan[]): Promise<void> {
  const nodes = plans
    .flat(2)
    .filter(({ type, resource }) => type !== 'delete' && resource.type === nodeType.type)
    .map(({ resource }) => attributesOf<NodeAttributes>(resource))
    .filter(({ members }) => members.length > 0);
  await Promise.all(nodes.map(({ scope, members }) => store.patroni.untilSettled(scope, members)));
}
