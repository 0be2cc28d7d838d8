import { randomBytes } from 'node:crypto';
import { PgctlError } from '../errors.ts';
import type { HostRecord } from '../records/types.ts';
import { psqlScript } from '../steps/psql.ts';
import { quoteLiteral } from '../steps/quote.ts';
import type { SqlConnection } from '../steps/step.ts';
import type { Transport } from '../transport/transport.ts';
import { runOnHost, runUserOf, targetOf } from './on-host.ts';

/** How long ending a session that was left behind may take, in milliseconds. */
const END_LIMIT_MS = 5_000;

export interface PsqlRequest {
  readonly transport: Transport;
  readonly host: HostRecord;
  readonly connection: SqlConnection;
  /** For psql, as they are. */
  readonly args: readonly string[];
  /** Whether stdin, stdout and stderr are a terminal. */
  readonly terminal: boolean;
  /** When psql is ended, in milliseconds; null for never. */
  readonly limitMs: number | null;
}

/**
 * Runs psql on a host with pgctl's own stdin, stdout and stderr, and returns its exit status.
 *
 * @throws PgctlError `host_unreachable`; `timeout`; `outcome_unknown` where the connection broke
 */
export async function runPsql(request: PsqlRequest): Promise<number> {
  const { transport, host, connection, args, terminal, limitMs } = request;
  const applicationName = `pgctl-${randomBytes(8).toString('hex')}`;
  const script = psqlScript({ connection, runUser: runUserOf(host), applicationName, args });
  const result = await transport.attach(targetOf(host), { script, terminal, limitMs });
  switch (result.kind) {
    case 'exited':
      return result.status;
    case 'interrupted':
      await endSession(request, applicationName);
      return result.status;
    case 'timed_out':
      await endSession(request, applicationName);
      throw new PgctlError('timeout', `psql was ended by its time limit of ${(limitMs ?? 0) / 1000} s`, {
        hint: 'Its session on the server was ended too. Give it more time with --timeout.',
      });
    case 'unreachable':
      throw new PgctlError(
        'host_unreachable',
        `a host cannot be reached: ${host.host_id}: ${result.reason}`,
        { hint: 'Check the address, the network and ssh with `pgctl host check`.' },
      );
    case 'lost':
      throw new PgctlError(
        'outcome_unknown',
        `${host.host_id}: the connection ended before psql did; what it was about to do may have happened`,
      );
  }
}

/** psql would finish its statement on the host, where nobody sees it any more. Fails in silence: pgctl is ending. */
async function endSession(
  { transport, host, connection }: PsqlRequest,
  applicationName: string,
): Promise<void> {
  await runOnHost({
    transport,
    host,
    steps: [
      {
        kind: 'sql',
        name: 'end the session of psql',
        connection,
        sql: `select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${quoteLiteral(applicationName)}`,
      },
    ],
    fence: null,
    limitMs: END_LIMIT_MS,
    signal: null,
  });
}
