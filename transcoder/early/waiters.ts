/** Those who wait for somebody's news, and look again whether it is their turn. */

/** See the head of this file. */
export class Waiters {
  readonly #wakes = new Set<() => void>();

  /** There may be news: all look again. */
  wake(): void {
    for (const wake of [...this.#wakes]) {
      wake();
    }
  }

  /** Resolves when it may go, looked at now and at each {@link wake}, or when nobody waits for it any more. */
  async until(mayGo: () => boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !mayGo()) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#wakes.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#wakes.add(wake);
        signal.addEventListener('abort', wake);
      });
    }
  }
}
