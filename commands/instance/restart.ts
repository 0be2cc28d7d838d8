import type { CommandModule } from '../shared/command.ts';
import { instanceCommand } from '../shared/instance-command.ts';

/** Restarts Postgres and waits until it serves again, and streams if it is a replica. */
export const command: CommandModule = instanceCommand('restart');
