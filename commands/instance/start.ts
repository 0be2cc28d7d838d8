import type { CommandModule } from '../shared/command.ts';
import { instanceCommand } from '../shared/instance-command.ts';

/** Starts a stopped instance. */
export const command: CommandModule = instanceCommand('start');
