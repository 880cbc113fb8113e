/** What tells the supervisor to stop: a signal, or the end of the npm that started it. */

const PARENT_POLL_MS = 1_000;

/**
 * A signal that aborts at the first SIGINT, SIGTERM or SIGHUP. Later ones change nothing: npm passes on the Ctrl-C that
 * the terminal has sent already, and every stop has its deadline.
 * @param hasToFollowParent stop when the parent process is gone, too
 */
export function stopSignal(hasToFollowParent: boolean): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, stop);
  }
  if (hasToFollowParent) {
    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid !== parent) {
        clearInterval(timer);
        stop();
      }
    }, PARENT_POLL_MS);
    timer.unref();
  }
  return controller.signal;
}
