import type { Resource } from '../src/plan/resource.ts';
import { type DesiredInput, desiredState } from './desired-state.ts';

/**
 * Creating a database passes through one state only: all members of a node start in one phase, and Patroni
 * sorts out who copies from whom.
 */
export function createDatabase(input: DesiredInput): Resource[][] {
  return [desiredState(input)];
}
