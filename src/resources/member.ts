import type { Resource, ResourceKey } from '../plan/resource.ts';
import { clientStep } from './instance.ts';
import { attributesOf, buildResource, type ResourceType } from './type.ts';

export interface MemberAttributes {
  readonly scope: string;
  /** Host's id, which is the member's name. */
  readonly name: string;
}

/** What Patroni calls the slot of a member whose name is a host's id: it is cut to what a slot's name holds. */
const slotOf = (name: string): string => name.replaceAll('-', '_').slice(0, 63);

/**
 * An instance as the others know it: its member key and its replication slot. Patroni makes both itself; what
 * is left of them once the instance is gone, or its host is lost, is removed here. It is made before the
 * instance's unit and so removed after it, on whichever host is primary by then.
 */
export const memberType: ResourceType = {
  type: 'member',
  version: 1,
  verbs: { create: 'expect member', update: 'expect member', delete: 'forget member' },
  refresh: () => null,
  inert: (type) => type !== 'delete',
  create: () => [],
  update: () => [],
  delete(resource, context) {
    const { scope, name } = attributesOf<MemberAttributes>(resource);
    return [
      { kind: 'drop_keys', scope, member: name },
      clientStep(context.instance(), context, {
        name: `have ${scope} forget ${name}`,
        command: 'forget',
        input: { slot: slotOf(name) },
      }),
    ];
  },
};

export function member(attributes: MemberAttributes, scopeKey: ResourceKey): Resource {
  const { scope, name } = attributes;
  return buildResource(memberType, {
    id: `${scope}.${name}`,
    executor: { kind: 'primary', node: scope },
    attributes,
    // It lives in the cluster's keys and not in the node: those are there before any member starts, so a
    // half-created database, whose node never came to be, can be deleted as well.
    contained_in: scopeKey,
  });
}
