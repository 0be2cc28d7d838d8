import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The text of a file that the README shows: the fenced block whose first line names it. */
export function fileInReadme(name: string): string {
  const blocks = [...README.matchAll(/^```yaml\n(# \S+)\n([^]*?)^```$/gm)];
  const [, , text] = blocks.find(([, first]) => first === `# ${name}`) ?? [];
  if (text === undefined) throw new Error(`the README shows no ${name}`);
  return text;
}

/** The same, as what it says. */
export const yamlInReadme = <T>(name: string): T => parse(fileInReadme(name), { strict: true }) as T;

/** A call of pgctl, as the shell of a runner made it. */
export interface Call {
  readonly argv: readonly string[];
  /** Its variables that begin with PGCTL_. */
  readonly env: Readonly<Record<string, string>>;
  /** What ssh-add says of the agent that it would ask. */
  readonly keys: string;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A checkout on a runner, with programs in place of pgctl and npm that note how they were called. */
export class CiRunner {
  readonly dir = mkdtempSync(join(tmpdir(), 'pgctl-ci-'));
  readonly #env: Record<string, string>;
  /** Of ssh, which go on after the job. */
  readonly #agents: number[] = [];

  /** @param planEndsWith the exit code of `pgctl db plan` */
  constructor(planEndsWith: number) {
    const bin = join(this.dir, '.bin');
    mkdirSync(bin);
    const program = (name: string, text: string): void =>
      writeFileSync(join(bin, name), `#!/usr/bin/env bash\nset -e\n${text}\n`, { mode: 0o755 });
    // Words end in NUL, so that they are what they were; a call ends in an empty word.
    const note = (what: string): string => `{ ${what}; printf '\\0'; } >> '${this.dir}/.calls'`;
    program(
      'pgctl',
      `${note(`printf '%s\\0' "$@" -- "$(env | grep '^PGCTL_')" "$(ssh-add -l)"`)}
       [ "$1 $2" != 'db plan' ] || { echo 'the plan'; exit ${planEndsWith}; }`,
    );
    program('npm', `printf '%s\\n' "$*" >> '${this.dir}/.npm'`);
    this.#env = { PATH: `${bin}:${process.env.PATH ?? ''}`, HOME: this.dir, TMPDIR: this.dir };
  }

  file(name: string): string {
    return join(this.dir, name);
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  write(name: string, text: string): string {
    writeFileSync(this.file(name), text, { mode: 0o600 });
    return this.file(name);
  }

  /** Runs a script as runners do: bash, which ends at the first command that fails. */
  run(
    script: string,
    { env, pipefail }: { readonly env: Readonly<Record<string, string>>; readonly pipefail: boolean },
  ): Ran {
    const options = pipefail ? ['-e', '-o', 'pipefail'] : ['-e'];
    const { status, stdout, stderr } = spawnSync('bash', [...options, '-c', script], {
      cwd: this.dir,
      env: { ...this.#env, ...env },
      encoding: 'utf8',
    });
    for (const [, pid] of stdout.matchAll(/^Agent pid (\d+)$/gm)) this.#agents.push(Number(pid));
    return { status, stdout, stderr };
  }

  calls(): readonly Call[] {
    return this.read('.calls')
      .split('\0\0')
      .filter((call) => call !== '')
      .map((call) => {
        const words = call.split('\0');
        const [variables = '', keys = ''] = words.slice(-2);
        return {
          argv: words.slice(0, -3),
          env: Object.fromEntries(
            variables.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
          ),
          keys,
        };
      });
  }

  remove(): void {
    for (const pid of this.#agents) process.kill(pid);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
