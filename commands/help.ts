import { PgctlError } from '../src/errors.ts';
import { didYouMean } from '../src/spec/nearest.ts';
import { showPage } from '../src/ui/page.ts';
import { openTheme } from '../src/ui/theme.ts';
import type { CommandModule } from './shared/command.ts';
import { isTopic, TOPIC_NAMES, topicPage, topicSummary } from './shared/help/topics.ts';
import { writeManPages } from './shared/help/man.ts';

export const command: CommandModule = {
  configure: (command) =>
    void command
      .argument('[topic]', `a command, or one of: ${TOPIC_NAMES.join(', ')}`)
      .option('--man <dir>', 'write man pages of all commands and topics into this directory')
      .addHelpText(
        'after',
        [
          '',
          'Topics:',
          ...TOPIC_NAMES.map((name) => `  ${name.padEnd(12)} ${topicSummary(name)}`),
          '',
          'Examples:',
          '  pgctl help db create',
          '  pgctl help exit-codes',
          '  pgctl help --man ~/.local/share/man',
        ].join('\n'),
      ),
  async run(app, [topic], { man }, program) {
    if (man !== undefined) {
      const text = await writeManPages(program, man as string);
      app.ui.result({ kind: 'Help', topic: 'man', text }, () => text);
      return;
    }
    if (topic === undefined || !isTopic(topic)) {
      const words = [...TOPIC_NAMES, ...program.commands.map((one) => one.name())];
      const near = topic === undefined ? '' : didYouMean(topic, words);
      throw new PgctlError(
        'usage',
        topic === undefined ? 'no topic is given' : `there is no help on ${topic}`,
        {
          hint: `${near} Topics are ${TOPIC_NAMES.join(', ')}; commands are in \`pgctl --help\`.`.trim(),
        },
      );
    }
    const page = await topicPage(topic);
    const text = showPage(page, openTheme({ color: false, width: null }));
    app.ui.result({ kind: 'Help', topic, text }, (_, theme) => showPage(page, theme));
  },
};
