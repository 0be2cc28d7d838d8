import type { Resource } from '../src/plan/resource.ts';

/** Deleting a database leads to the state in which nothing of it is left. */
export function deleteDatabase(): Resource[][] {
  return [[]];
}
