import { describe, expect, test } from 'vitest';
import { PgctlError } from '../../src/errors.ts';
import { withoutCommands } from '../../src/ui/github.ts';
import { FAILING } from './events.ts';
import { screen } from './screen.ts';

const env = { GITHUB_ACTIONS: 'true' };

describe("on GitHub's runner", () => {
  test('phases are groups, and what failed is an annotation', () => {
    const { ui, stdout, stderr } = screen({ env });
    for (const event of FAILING) ui.report(event);
    ui.error(
      new PgctlError('operation_failed', '100% of it\nfailed', {
        hint: 'Mend it.',
        details: ['::set-env::x'],
      }),
    );
    expect(stdout.text).toBe('');
    expect(stderr.text).toMatchInlineSnapshot(`
      "shop: checking the hosts
      shop: marking the planned work
      shop: create: 4 events in 2 phases, task 20260102-030405678-abc123
      ::group::shop: phase 1/2
      phase 1/2: 3 events
      host-2: start shop.n1.host-2 … ok (850 ms)
      ::warning::host-2: its clock is 3 s ahead
      host-1: start shop.n1.host-1 … ok (2.3 s)
      pgctl: forget shop.n1.host-3 … outcome unknown (10 ms): the connection broke
      ::error title=pgctl%3A forget shop.n1.host-3 outcome unknown::the connection broke
      phase 1/2: done (2.4 s)
      ::endgroup::
      ::group::shop: phase 2/2
      phase 2/2: 1 event
      host-3: start shop.n1.host-3 … failed (1 m 05 s): pg_ctl: no / FATAL: no space
      ::error title=host-3%3A start shop.n1.host-3 failed::pg_ctl: no%0AFATAL: no space
      phase 2/2: 1 failed (1 m 05 s)
      ::endgroup::
      shop: create failed (1 m 08 s)
      ::error title=pgctl%3A operation_failed::100%25 of it%0Afailed%0AMend it.
      error: 100% of it
        failed
        : :set-env::x
      hint: Mend it.
      "
    `);
  });

  test('a group is ended where its phase is cut short', () => {
    const { ui, stderr } = screen({ env });
    for (const event of FAILING.slice(0, 6)) ui.report(event);
    ui.error(new PgctlError('lock_lost', 'lost'));
    const lines = stderr.text.split('\n');
    expect(lines.indexOf('::endgroup::')).toBe(lines.indexOf('error: lost') - 2);
  });

  test.each(['json', 'yaml'] as const)('the document in %s is the only thing on stdout', (format) => {
    const { ui, stdout, stderr } = screen({ env, format });
    for (const event of FAILING) ui.report(event);
    ui.error(new PgctlError('operation_failed', 'it failed'));
    expect(stdout.text).not.toContain('::');
    expect(stderr.text).toContain('::error title=pgctl%3A operation_failed::it failed\n');
  });

  test('what a host says is no command', () => {
    const { ui, stdout } = screen({ env });
    ui.result({ kind: 'X', said: '::add-mask::e\n  ::stop-commands::x\na ##[error]no' }, ({ said }) => said);
    ui.line('::notice::hello');
    expect(stdout.text).toBe(': :add-mask::e\n  : :stop-commands::x\na # #[error]no\n: :notice::hello\n');
  });

  test('elsewhere nothing of it happens', () => {
    for (const value of ['false', '', undefined]) {
      const { ui, stderr } = screen({ env: { GITHUB_ACTIONS: value } });
      for (const event of FAILING) ui.report(event);
      expect(stderr.text).not.toContain('::');
    }
  });
});

test.each([
  ['a::b', 'a::b'],
  ['::', ': :'],
  ['\t ::x::', '\t : :x::'],
  ['one\n::two', 'one\n: :two'],
])('%j is harmless as %j', (text, harmless) => {
  expect(withoutCommands(text)).toBe(harmless);
});
