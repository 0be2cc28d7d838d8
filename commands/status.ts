import { findingsOf } from '../src/records/findings.ts';
import { showStatus } from '../src/ui/views.ts';
import type { CommandModule } from './shared/command.ts';
import { readFleet } from './shared/fleet.ts';

export const command: CommandModule = {
  configure: (command) => void command.addHelpText('after', '\nExample:\n  pgctl status'),
  async run(app) {
    const { databases, snapshot, tasks, patroniNamespace } = await readFleet(app);
    const findings = findingsOf({
      databases,
      clusters: snapshot.patroni,
      locks: snapshot.locks,
      tasks,
      corrupt: snapshot.corrupt,
      patroniNamespace,
    });
    app.ui.result({ kind: 'Status', databases, findings }, showStatus);
  },
};
