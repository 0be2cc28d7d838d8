import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { GLOBAL_OPTIONS, OTHER_VARIABLES } from '../../commands/shared/global-options.ts';
import { canonicalJson } from '../../src/json.ts';
import { VERSION } from '../../src/version.ts';
import { type Call, CiRunner, type Ran, yamlInReadme } from './ci-runner.ts';
import { pgctl } from './run.ts';

interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly env?: Record<string, string>;
  readonly run?: string;
}
interface Workflow {
  readonly concurrency: { readonly 'cancel-in-progress': boolean };
  readonly jobs: { readonly shop: { readonly env: Record<string, string>; readonly steps: readonly Step[] } };
}
interface Job {
  readonly before_script: readonly string[];
  readonly script: readonly string[];
  readonly variables: Record<string, string>;
}

const workflow = yamlInReadme<Workflow>('.github/workflows/shop.yml');
const gitlab = yamlInReadme<Record<'.pgctl' | 'plan' | 'apply', Job>>('.gitlab-ci.yml');

const CANARY = { ETCD_PASSWORD: 'canary-etcd-2e7a', SEALING_KEY: 'canary-sealing-91c3' };
/** Nothing listens there. */
const DEAD = 'http://127.0.0.1:1';

let runner: CiRunner;
let used: CiRunner[] = [];
afterEach(() => {
  for (const each of used) each.remove();
  used = [];
});

/** A runner with the repository on it, and the private key of a host's user. */
function start(planEndsWith: number): string {
  runner = new CiRunner(planEndsWith);
  used.push(runner);
  runner.write('shop.yaml', 'id: shop\nnodes: [{ name: n1, host_ids: [host-1] }]\n');
  runner.write('etcd-ca.pem', rootCertificates[0] ?? '');
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'of-the-job', '-f', runner.file('.key')]);
  return runner.read('.key');
}

/** Whether a step runs: comparisons with texts, all of which have to hold. */
function holds(condition: string | undefined, context: Readonly<Record<string, string>>): boolean {
  return (condition ?? '').split(' && ').every((part) => {
    if (part === '') return true;
    const [, name = '', value] = /^(\S+) == '(.*)'$/.exec(part) ?? [];
    if (!(name in context)) throw new Error(`a condition that is not understood: ${part}`);
    return context[name] === value;
  });
}

const pairs = (text: string): Record<string, string> =>
  Object.fromEntries(text.split('\n').flatMap((line) => (line === '' ? [] : [line.split(/=(.*)/s)])));

/** Runs the steps of the workflow up to the first that fails. Returns what the last one came to. */
function onGithub(event: 'pull_request' | 'push', planEndsWith: number): Ran {
  const secrets = { ...CANARY, SSH_KEY: start(planEndsWith).trimEnd() };
  const files = Object.fromEntries(
    ['GITHUB_ENV', 'GITHUB_OUTPUT', 'GITHUB_STEP_SUMMARY'].map((name) => [
      name,
      runner.write(`.${name}`, ''),
    ]),
  );
  let ran: Ran = { status: 0, stdout: '', stderr: '' };
  for (const step of workflow.jobs.shop.steps) {
    const context = {
      'github.event_name': event,
      'steps.plan.outputs.code': pairs(runner.read('.GITHUB_OUTPUT')).code ?? '',
    };
    if (step.run === undefined || !holds(step.if, context)) continue;
    const env = Object.entries({ ...workflow.jobs.shop.env, ...step.env }).map(([name, value]) => [
      name,
      value.replace(/^\$\{\{ secrets\.(\w+) \}\}$/, (_, secret: keyof typeof secrets) => secrets[secret]),
    ]);
    ran = runner.run(step.run, {
      env: {
        ...files,
        RUNNER_TEMP: runner.dir,
        ...pairs(runner.read('.GITHUB_ENV')),
        ...(Object.fromEntries(env) as Record<string, string>),
      },
      pipefail: false,
    });
    if (ran.status !== 0) return ran;
  }
  return ran;
}

/** Runs one of the two jobs. Its variables of the type File are paths. */
function onGitlab(job: 'plan' | 'apply', planEndsWith = 0): Ran {
  start(planEndsWith);
  const script = [...gitlab['.pgctl'].before_script, ...gitlab[job].script].join('\n');
  const files = Object.entries(CANARY).map(([name, text]) => [name, runner.write(`.file-${name}`, text)]);
  const env = { ...gitlab['.pgctl'].variables, SSH_KEY: runner.file('.key'), ...Object.fromEntries(files) };
  return runner.run(script, { env, pipefail: true });
}

const said = (calls: readonly Call[]): string[] => calls.map(({ argv }) => argv.join(' '));

/** What pgctl makes of a call, where etcd is away. */
async function asPgctl({ argv, env }: Call, runner: CiRunner): Promise<[argv: string, code: number]> {
  const here = (word: string): string => (existsSync(runner.file(word)) ? runner.file(word) : word);
  const { code } = await pgctl(argv.map(here), {
    env: {
      HOME: runner.dir,
      ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, here(value)])),
      PGCTL_ENDPOINTS: DEAD,
    },
  });
  return [argv.join(' '), code];
}

/** A file as `db plan --out` writes it. */
function savePlan(): void {
  const plan = {
    ...{
      format: 'pgctl-plan',
      version: 1,
      made_at: '2026-01-02T03:04:05.000Z',
      store_id: 's',
      prefix: '/pgctl',
    },
    ...{ spec: { id: 'shop' }, made_against: {}, places: [] },
    plan: { kind: 'Plan', operation: 'update', plans: [] },
  };
  const digest = createHash('sha256').update(canonicalJson(plan)).digest('hex');
  runner.write('plan.json', JSON.stringify({ ...plan, digest }));
}

function expectSecrets({ env, keys }: Call): void {
  for (const [variable, secret] of [
    ['PGCTL_ETCD_PASSWORD_FILE', CANARY.ETCD_PASSWORD],
    ['PGCTL_SECRET_KEY_FILE', CANARY.SEALING_KEY],
  ] as const) {
    const file = env[variable] ?? '';
    expect([readFileSync(file, 'utf8').trim(), statSync(file).mode & 0o777]).toEqual([secret, 0o600]);
  }
  expect(keys).toContain('of-the-job');
}

const PLAN = 'db plan -f shop.yaml --detailed-exitcode --out plan.json';
const APPLY = 'db apply plan.json --yes';

describe('the workflow for GitHub', () => {
  it.each([
    ['a pull request shows its plan', 'pull_request', 2, [PLAN]],
    ['a pull request without changes', 'pull_request', 0, [PLAN]],
    ['what is merged is planned anew, and that plan applied', 'push', 2, [PLAN, APPLY]],
    ['nothing is applied where nothing differs', 'push', 0, [PLAN]],
  ] as const)('%s', (_, event, planEndsWith, commands) => {
    const { status, stderr } = onGithub(event, planEndsWith);
    expect([status, stderr]).toEqual([0, expect.anything()]);
    expect(said(runner.calls())).toEqual(['spec validate shop.yaml', ...commands]);
    expect(runner.read('.GITHUB_STEP_SUMMARY')).toBe('```\nthe plan\n```\n');
    for (const call of runner.calls()) expectSecrets(call);
  });

  it('ends where the plan fails, with what it said', () => {
    const { status, stdout } = onGithub('push', 6);
    expect([status, stdout]).toEqual([1, '```\nthe plan\n```\n']);
    expect(said(runner.calls())).not.toContain(APPLY);
  });

  it('never ends an operation for a newer one', () => {
    expect(workflow.concurrency['cancel-in-progress']).toBe(false);
  });
});

describe('the jobs for GitLab', () => {
  it('plan and apply, and end where the plan fails', () => {
    expect(onGitlab('plan').status).toBe(0);
    expect(runner.read('plan.txt')).toBe('the plan\n');
    expect(said(runner.calls())).toEqual(['spec validate shop.yaml', 'db plan -f shop.yaml --out plan.json']);
    for (const call of runner.calls()) expectSecrets(call);
    expect(onGitlab('plan', 7).status).toBe(7);
    expect(onGitlab('apply').status).toBe(0);
    expect(said(runner.calls())).toEqual([APPLY]);
    expectSecrets(runner.calls()[0] as Call);
  });
});

describe('what the README says', () => {
  it('is what pgctl takes, word for word', async () => {
    const calls = (job: () => unknown): Promise<[argv: string, code: number]>[] => {
      job();
      savePlan();
      const here = runner;
      return here.calls().map((call) => asPgctl(call, here));
    };
    const taken = [
      ...calls(() => onGithub('push', 2)),
      ...calls(() => onGitlab('plan')),
      ...calls(() => onGitlab('apply')),
    ];
    expect(await Promise.all(taken)).toEqual([
      ['spec validate shop.yaml', 0],
      [PLAN, 7],
      [APPLY, 7],
      ['spec validate shop.yaml', 0],
      ['db plan -f shop.yaml --out plan.json', 7],
      [APPLY, 7],
    ]);
  });

  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

  it('has only variables that pgctl looks at', () => {
    const known = new Set([...GLOBAL_OPTIONS.map(({ env }) => env), ...Object.keys(OTHER_VARIABLES)]);
    const named = [...new Set(readme.match(/\bPGCTL_\w+/g))];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('installs the package of this version', () => {
    const named = [...readme.matchAll(/pgctl-\d\S*\.tgz/g)].map(([name]) => name);
    expect([...new Set(named)]).toEqual([`pgctl-${VERSION}.tgz`]);
  });
});
