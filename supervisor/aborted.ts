/** Waiting that ends when we are told to stop. */

/**
 * The work's result.
 * @throws the signal's reason as soon as it aborts; the work itself goes on, and whoever began it ends it
 */
export async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => {
      reject(signal.reason);
    };
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop !== undefined) {
      signal.removeEventListener('abort', stop);
    }
  }
}
