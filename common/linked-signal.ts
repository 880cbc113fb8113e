/**
 * A signal that follows others for a while. `AbortSignal.any` would do, but on Node 20 each call leaves an entry in a
 * source that lives on, for ever: some 50 bytes a segment in services that run for months.
 */

import { setMaxListeners } from 'node:events';

/** See the head of this file. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Lets go of what it follows; from then on nothing aborts it. */
  release(): void;
}

/**
 * Aborts when one of the sources does, or when the time is up.
 * @param timeoutMs real milliseconds; undefined: no limit
 */
export function linkSignals(sources: readonly AbortSignal[], timeoutMs?: number): LinkedSignal {
  const controller = new AbortController();
  const follow = (event: Event): void => {
    controller.abort(event.target instanceof AbortSignal ? event.target.reason : undefined);
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          controller.abort(new DOMException('the time is up', 'TimeoutError'));
        }, timeoutMs);
  timer?.unref();
  // Their number is bounded by the work under way, not by Node's guess of what is a leak.
  setMaxListeners(0, ...sources);
  for (const source of sources) {
    if (source.aborted) {
      controller.abort(source.reason);
    }
    source.addEventListener('abort', follow, { once: true });
  }
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      for (const source of sources) {
        source.removeEventListener('abort', follow);
      }
    },
  };
}
