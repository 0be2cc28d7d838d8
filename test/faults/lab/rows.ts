import { expect } from 'vitest';
import type { Writer } from '../../e2e/writer.ts';
import type { LabHost } from '../../lab/lab.ts';

/** Runs SQL as the superuser, by the socket. */
export async function sql(
  host: LabHost,
  statement: string,
  { port = 5433, database = 'shop' } = {},
): Promise<string> {
  const ran = await host.run(`psql -XAtq -v ON_ERROR_STOP=1 -p ${port} -d ${database}`, {
    user: 'postgres',
    input: statement,
  });
  if (ran.exitCode !== 0) throw new Error(`${host.id}: ${ran.stderr}`);
  return ran.stdout.trim();
}

/** Every row of these was acknowledged, and is there. */
export async function expectRows(primary: LabHost, acknowledged: Writer['acknowledged']): Promise<void> {
  const wanted = [...acknowledged];
  const there = new Set((await sql(primary, 'select id from acknowledged')).split('\n').map(Number));
  expect(wanted.length).toBeGreaterThan(0);
  expect(wanted.filter((id) => !there.has(id))).toEqual([]);
}
