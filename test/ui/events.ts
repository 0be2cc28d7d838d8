import type { EventIdentity, ProgressEvent } from '../../src/ui/events.ts';

const identity = (host: number, action: string): EventIdentity => ({
  id: `1.1.instance/shop.n1.host-${host}`,
  type: 'create',
  action,
  resource: { type: 'instance', id: `shop.n1.host-${host}` },
  hostId: `host-${host}`,
});
const NAMED = { operation: 'create', entity: 'shop', taskId: '20260102-030405678-abc123' };

/** An operation of two phases, the second of which fails. */
export const FAILING: readonly ProgressEvent[] = [
  { kind: 'stage', name: 'check', entity: 'shop' },
  { kind: 'stage', name: 'mark', entity: 'shop' },
  { kind: 'operation_started', ...NAMED, phases: 2, events: 4 },
  { kind: 'phase_started', entity: 'shop', number: 1, of: 2, events: 3 },
  { kind: 'event_started', ...identity(1, 'start') },
  { kind: 'event_started', ...identity(2, 'start') },
  { kind: 'event_finished', ...identity(2, 'start'), outcome: 'ok', durationMs: 850, error: null },
  { kind: 'warning', message: 'host-2: its clock is 3 s ahead' },
  { kind: 'event_finished', ...identity(1, 'start'), outcome: 'ok', durationMs: 2345, error: null },
  {
    kind: 'event_finished',
    ...identity(3, 'forget'),
    hostId: null,
    outcome: 'unknown',
    durationMs: 10,
    error: 'the connection broke',
  },
  { kind: 'phase_finished', entity: 'shop', number: 1, of: 2, durationMs: 2400, failed: 0 },
  { kind: 'phase_started', entity: 'shop', number: 2, of: 2, events: 1 },
  { kind: 'event_started', ...identity(3, 'start') },
  {
    kind: 'event_finished',
    ...identity(3, 'start'),
    outcome: 'failed',
    durationMs: 65_000,
    error: 'pg_ctl: no\nFATAL: \u001b[2Jno space\r',
  },
  { kind: 'phase_finished', entity: 'shop', number: 2, of: 2, durationMs: 65_100, failed: 1 },
  { kind: 'operation_finished', ...NAMED, outcome: 'failed', durationMs: 67_500 },
];
