import { COMMAND_LINE } from './issue.ts';
import { normalSpec, storedSpec } from './normalize.ts';
import { pathText } from './path.ts';
import type { ReadSpec } from './read.ts';
import { validateSpec } from './validate.ts';

/** What `db create <database> --hosts …` gives, as the user typed it. */
export interface SpecOptions {
  readonly id: string;
  readonly hosts: readonly string[];
  readonly port?: string | number;
  readonly postgresVersion?: string;
}

/** A number where it is written as one; the schema refuses the rest with the text in its error. */
function portValue(port: string | number): string | number {
  return typeof port === 'string' && /^(0|[1-9]\d{0,8})$/.test(port) ? Number(port) : port;
}

/** The spec of a database with one node, from command-line options. Its issues are formatted with the option's name. */
export function specFromOptions({ id, hosts, port, postgresVersion }: SpecOptions): ReadSpec {
  const checked = validateSpec({
    id,
    ...(postgresVersion === undefined ? {} : { postgres_version: postgresVersion }),
    ...(port === undefined ? {} : { port: portValue(port) }),
    nodes: [{ name: 'n1', host_ids: hosts }],
  });
  if (!checked.ok) {
    const issues = checked.issues.map(({ path, message }) => ({
      path: pathText(path),
      message,
      line: 0,
      column: 0,
    }));
    return { ok: false, issues };
  }
  const spec = normalSpec(checked.input);
  const positions = { file: COMMAND_LINE, at: () => ({ line: 0, column: 0 }) };
  return { ok: true, spec, stored: storedSpec(spec), positions };
}
