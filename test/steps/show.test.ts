import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { showStep } from '../../src/steps/show.ts';
import type { HostStep } from '../../src/steps/step.ts';
import { script } from './run-steps.ts';

const SECRET = new Secret('canary-5c1d');
const STEPS: readonly HostStep[] = [
  script('cat > "$1"\n', { name: 'write it', args: ['/a b', 'x'.repeat(400)], stdin: ['a ', SECRET] }),
  { kind: 'wait', name: 'wait', script: 'exit 75', args: [], account: 'postgres', stallSeconds: 1 },
  { kind: 'file', path: '/etc/x', content: SECRET, mode: '0600', owner: 'postgres' },
  {
    kind: 'sql',
    name: 'set up',
    connection: { bin_dir: '/bin', socket_dir: '/run', port: 5432, database: 'shop' },
    sql: ['alter role app password ', SECRET, ';\n'],
  },
];

describe('a step that is shown', () => {
  it('says what it runs, without its secrets and without the length of its arguments', () => {
    const shown = STEPS.map(showStep).join('\n\n');
    expect(shown).not.toContain('canary');
    expect(shown.replace(/x{200}/, '<200 x>')).toMatchInlineSnapshot(`
      "# write it, as admin
      # arguments: '/a b' '<200 x>…'
      cat > "$1"
      # stdin
      a [redacted]

      # wait, as postgres
      exit 75

      # write /etc/x, 0600, of postgres
      [redacted]

      # set up, in database shop
      alter role app password [redacted];"
    `);
  });
});
