/** What the core reports while it works. The terminal, the plain log and the JSON are renderers of the same events. */
export type ProgressEvent =
  /** Something before or after the phases: reading, checking, marking, finalizing. */
  | { readonly kind: 'stage'; readonly name: StageName; readonly entity: string }
  /** The plan is marked and begins. */
  | {
      readonly kind: 'operation_started';
      readonly operation: string;
      readonly entity: string;
      readonly taskId: string;
      readonly phases: number;
      readonly events: number;
    }
  | {
      readonly kind: 'phase_started';
      readonly entity: string;
      readonly number: number;
      readonly of: number;
      readonly events: number;
    }
  | ({ readonly kind: 'event_started' } & EventIdentity)
  /** What a step on the host waits for; comes again as that changes. */
  | ({
      readonly kind: 'event_waiting';
      /** In words; sizes in it are in bytes, such as `copying the data, 1234 of 5678 bytes`. */
      readonly waitingFor: string;
      /** The same sizes; null where there are none. */
      readonly progress: { readonly done?: number; readonly total?: number; readonly left?: number } | null;
    } & EventIdentity)
  | ({
      readonly kind: 'event_finished';
      readonly outcome: 'ok' | 'failed' | 'unknown';
      readonly durationMs: number;
      readonly error: string | null;
    } & EventIdentity)
  | {
      readonly kind: 'phase_finished';
      readonly entity: string;
      readonly number: number;
      readonly of: number;
      readonly durationMs: number;
      readonly failed: number;
    }
  /** Steps begin on a host, as one child process. */
  | {
      readonly kind: 'job_started';
      readonly hostId: string;
      /** What they do, in order. */
      readonly steps: readonly string[];
      /** What is run, without secrets; null where nobody asked. */
      readonly scripts: readonly string[] | null;
    }
  | {
      readonly kind: 'job_finished';
      readonly hostId: string;
      readonly steps: readonly string[];
      readonly outcome: string;
      readonly durationMs: number;
      /** The end of what they printed; null where nobody asked. */
      readonly output: string | null;
    }
  /** Something the user should know that does not stop the operation. */
  | { readonly kind: 'warning'; readonly message: string }
  | {
      readonly kind: 'operation_finished';
      readonly operation: string;
      readonly entity: string;
      readonly taskId: string;
      readonly outcome: 'completed' | 'failed' | 'unknown';
      readonly durationMs: number;
    };

/** Which event of a plan, in words for people. */
export interface EventIdentity {
  /** `<plan>.<phase>.<type>/<id>`: unique within an operation. */
  readonly id: string;
  readonly type: 'create' | 'update' | 'delete';
  /** What is done, such as `start` or `remove directory and data`. */
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string };
  /** Null: pgctl's own machine. */
  readonly hostId: string | null;
}

export const STAGES = {
  refresh: 'looking at what is there',
  check: 'checking the hosts',
  mark: 'marking the planned work',
  finalize: 'finalizing the records',
} as const;
export type StageName = keyof typeof STAGES;

export type Reporter = (event: ProgressEvent) => void;
