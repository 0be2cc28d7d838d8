/** What is to be done with the terminal around a stop that Ctrl-Z asks for. */
export interface Suspension {
  /** Gives the terminal back as it was. */
  readonly leave: () => void;
  /** Takes it again; the shell has used it in its own way meanwhile. */
  readonly enter: () => void;
}

/**
 * Gives the terminal back before the process stops, and takes it again when it goes on: at once where nobody could
 * ever continue it, as then nothing is stopped.
 *
 * @returns how to be told no more
 */
export function aroundSuspension({ leave, enter }: Suspension): () => void {
  let listening = true;
  const suspend = (): void => {
    leave();
    process.off('SIGTSTP', suspend);
    process.kill(process.pid, 'SIGTSTP');
    // Here it goes on again.
    if (listening) process.on('SIGTSTP', suspend);
    enter();
  };
  process.on('SIGTSTP', suspend);
  return () => {
    listening = false;
    process.off('SIGTSTP', suspend);
  };
}
