import type { Privileges } from './worker.ts';

/** A machine to run jobs on, as the host's record describes it. */
export interface Target {
  readonly hostId: string;
  /** `local` is this machine. */
  readonly address: string;
  readonly user: string | null;
  readonly port: number | null;
  readonly identityFile: string | null;
  /** As in a known_hosts line without its first column. */
  readonly hostKeys: readonly string[];
  readonly privileges: Privileges;
}

/** What a job does, for people. */
export interface JobDescription {
  /** Names of its steps. */
  readonly steps: readonly string[];
  /** What they run, without secrets. */
  readonly show: () => readonly string[];
}

/** One piece of shell that runs on a host from beginning to end. */
export interface Job {
  /** Frames what the job prints; new for every job. */
  readonly nonce: string;
  /** Rendered steps; may hold secrets. */
  readonly script: string;
  readonly fence: { readonly path: string; readonly token: string } | null;
  /** Milliseconds, or null for none. */
  readonly limitMs: number | null;
  /** Ends the job when it fires. */
  readonly signal: AbortSignal | null;
  /**
   * Asked at the last moment before its child is started; throws where nothing may be started any more. A process
   * that was stopped for long goes on just where it was, and its timers fire after that.
   */
  readonly assertMayStart?: () => void;
  /** Gets stdout as it comes, frames and all; only the end of it is in the result then. */
  readonly onOutput?: (chunk: string) => void;
  /** What it is, for whoever looks on; see `TransportOptions.onJob`. */
  readonly about?: JobDescription;
  /** Sees stdout as it comes, frames and all; all of it is in the result as well. */
  readonly onGlimpse?: (chunk: string) => void;
}

/** What became of a job. Failure is a value here, not an exception: every case has its own next step. */
export type JobResult =
  /** It ran to its end. */
  | { readonly kind: 'finished'; readonly status: number; readonly stdout: string; readonly stderr: string }
  /** Nothing ran: the host does not answer, or does not let pgctl in. */
  | { readonly kind: 'unreachable'; readonly reason: string }
  /** Nothing ran: the host answers, but not as pgctl needs it (no root there, no sh). */
  | { readonly kind: 'unusable'; readonly reason: string }
  /** Nothing ran: a newer operation, with this token, was on the host before. */
  | { readonly kind: 'fenced'; readonly seen: string }
  /** It was ended: by its time limit, or by the signal that was given. */
  | {
      readonly kind: 'ended';
      readonly by: 'limit' | 'signal';
      readonly stdout: string;
      readonly stderr: string;
    }
  /** It began, and nobody knows how it ended. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly stderr: string };
