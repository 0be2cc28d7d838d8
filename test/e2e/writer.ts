import { execa } from 'execa';

/** Inserts rows all the time, one transaction each, and remembers which were acknowledged. */
export interface Writer {
  /** Longest time between two acknowledged rows since the last call, in milliseconds. */
  longestGap(): number;
  /** Ids of all rows that were acknowledged so far. */
  readonly acknowledged: readonly number[];
  stop(): Promise<void>;
}

export interface WriterOptions {
  /** Of every host that may be primary. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

const IDLE_MS = 20;

/** Starts writing to whichever host takes writes, as an application with several addresses does. */
export async function startWriter(options: WriterOptions): Promise<Writer> {
  const { hosts, port, database, user, password } = options;
  const connection = [
    `host=${hosts.join(',')} port=${hosts.map(() => port).join(',')}`,
    `dbname=${database} user=${user} target_session_attrs=read-write connect_timeout=2`,
  ].join(' ');
  const query = (text: string) =>
    execa('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', connection, '-c', text], {
      env: { PGPASSWORD: password },
      reject: false,
      timeout: 10_000,
    });
  const made = await query('create table if not exists acknowledged (id bigint primary key)');
  if (made.exitCode !== 0) throw new Error(`the writer cannot begin: ${made.stderr}`);
  const acknowledged: number[] = [];
  let stopped = false;
  let last = performance.now();
  let gap = 0;
  const run = async (): Promise<void> => {
    for (let id = 1; !stopped; id++) {
      const { exitCode } = await query(`insert into acknowledged values (${id})`);
      if (exitCode === 0) {
        const now = performance.now();
        gap = Math.max(gap, now - last);
        last = now;
        acknowledged.push(id);
      }
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    }
  };
  const running = run();
  return {
    acknowledged,
    longestGap() {
      const longest = gap;
      gap = 0;
      return longest;
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
