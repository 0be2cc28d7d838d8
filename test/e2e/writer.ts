import { createInterface } from 'node:readline';
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
/** A statement that is not answered by then is not waited for any more. */
const ANSWER_MS = 10_000;

/** A connection to whichever host takes writes. */
interface Session {
  /** Runs a statement that returns one row of one column; null where it came to nothing, and the session with it. */
  ask(statement: string): Promise<string | null>;
  readonly over: boolean;
  /** What psql complained of. */
  readonly complaint: string;
  end(): Promise<unknown>;
}

/** Opens one as an application does that has several addresses. A psql for every row would be the tests' main work. */
function openSession({ hosts, port, database, user, password }: WriterOptions): Session {
  const connection = [
    `host=${hosts.join(',')} port=${hosts.map(() => port).join(',')}`,
    `dbname=${database} user=${user} target_session_attrs=read-write connect_timeout=2`,
  ].join(' ');
  const child = execa('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', connection], {
    env: { PGPASSWORD: password },
    reject: false,
    buffer: false,
  });
  let answer: (row: string | null) => void = () => undefined;
  let over = false;
  let complaint = '';
  createInterface({ input: child.stdout }).on('line', (row) => answer(row));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  child.stdin.on('error', () => undefined); // It ended; what it was asked comes to nothing.
  const ended = child.then(() => {
    over = true;
    answer(null);
  });
  return {
    async ask(statement) {
      if (over) return null;
      const late = setTimeout(() => child.kill('SIGKILL'), ANSWER_MS);
      try {
        return await new Promise<string | null>((resolve) => {
          answer = resolve;
          child.stdin.write(`${statement};\n`);
        });
      } finally {
        clearTimeout(late);
      }
    },
    get over() {
      return over;
    },
    get complaint() {
      return complaint;
    },
    end() {
      child.stdin.end();
      return ended;
    },
  };
}

/** Starts writing, and goes on over failovers. */
export async function startWriter(options: WriterOptions): Promise<Writer> {
  let session = openSession(options);
  const made = 'create table if not exists acknowledged (id bigint primary key); select 1';
  if ((await session.ask(made)) !== '1') throw new Error(`the writer cannot begin: ${session.complaint}`);
  const acknowledged: number[] = [];
  let stopped = false;
  let last = performance.now();
  let gap = 0;
  const run = async (): Promise<void> => {
    for (let id = 1; !stopped; id++) {
      if (session.over) session = openSession(options);
      const answer = await session.ask(`insert into acknowledged values (${id}) returning id`);
      if (answer === String(id)) {
        const now = performance.now();
        gap = Math.max(gap, now - last);
        last = now;
        acknowledged.push(id);
      }
      await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    }
    await session.end();
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
