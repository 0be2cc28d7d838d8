import { specJsonSchema } from '../../src/spec/json-schema.ts';
import type { CommandModule } from '../shared/command.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command.addHelpText('after', '\nExample:\n  pgctl spec schema > pgctl.schema.json'),
  // The schema is JSON in every format: editors read nothing else.
  run(app) {
    app.io.stdout.write(`${JSON.stringify(specJsonSchema(), null, 2)}\n`);
    return Promise.resolve();
  },
};
