import type { CommandModule } from '../shared/command.ts';
import { instanceCommand } from '../shared/instance-command.ts';

/** Stops an instance, which stays stopped when its host boots; a primary hands over first. */
export const command: CommandModule = instanceCommand('stop');
