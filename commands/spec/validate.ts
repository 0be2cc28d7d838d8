import type { CommandModule } from '../shared/command.ts';
import { readSpecFile } from '../shared/spec-input.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('<file>', 'spec in YAML or JSON, - for standard input')
      .addHelpText('after', '\nExample:\n  pgctl spec validate shop.yaml'),
  async run(app, [file = '']) {
    const { spec, stored } = await readSpecFile(app, file);
    app.ui.result(
      { kind: 'Spec', id: spec.id, spec: stored },
      () => `${file} is valid: database ${spec.id}.`,
    );
  },
};
