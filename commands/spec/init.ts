import { PgctlError } from '../../src/errors.ts';
import { idProblem } from '../../src/spec/names.ts';
import { readSpec } from '../../src/spec/read.ts';
import { specTemplate } from '../../src/spec/template.ts';
import type { CommandModule } from '../shared/command.ts';

const DEFAULT_HOSTS = 'host-1,host-2,host-3';

function assertId(id: string, what: string): void {
  const problem = idProblem(id);
  if (problem !== undefined) throw new PgctlError('usage', `${what}: ${problem}`);
}

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('[id]', 'id of the new database', 'shop')
      .option('--hosts <ids>', 'its hosts, comma-separated; the first holds the primary', DEFAULT_HOSTS)
      .addHelpText('after', '\nExample:\n  pgctl spec init shop --hosts host-1,host-2 > shop.yaml'),
  async run(app, [id = 'shop'], options) {
    const hosts = ((options.hosts as string | undefined) ?? DEFAULT_HOSTS)
      .split(',')
      .map((host) => host.trim());
    assertId(id, 'id');
    for (const host of hosts) assertId(host, '--hosts');
    const text = specTemplate({ id, hosts });
    const read = readSpec({ text: Buffer.from(text), file: 'spec' });
    if (!read.ok) throw new Error(`the template is not valid: ${JSON.stringify(read.issues)}`);
    app.ui.result({ kind: 'Spec', id, spec: read.stored }, () => text.trimEnd());
  },
};
