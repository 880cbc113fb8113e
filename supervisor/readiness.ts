/** Waiting for the pipeline to say that it can take a stream. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 100;
const REQUEST_MS = 2_000;

/**
 * Waits until a `/readyz` answers 200.
 * @param onSlow called once after `slowAfterMs` without success
 * @throws the signal's reason when it aborts first
 */
export async function waitUntilReady(
  url: string,
  options: {
    readonly signal: AbortSignal;
    readonly slowAfterMs: number;
    readonly onSlow: () => void;
  },
): Promise<void> {
  const slow = setTimeout(options.onSlow, options.slowAfterMs);
  try {
    while (!(await isReady(url))) {
      await delay(POLL_MS, undefined, { signal: options.signal });
    }
    options.signal.throwIfAborted();
  } finally {
    clearTimeout(slow);
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_MS) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
