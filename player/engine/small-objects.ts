/** Fetches what is small and does not grow, manifests and init segments, from whichever edge answers. */
import type { EdgeRoute } from '../edge-route.ts';

/** Seconds after which whoever asks is told that it does not work. */
export const PATIENCE = 20;
const RETRY_MS = 300;
const BAD_GATEWAY = 502;

/** Resolves after so many milliseconds. */
export const delay = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Fetches a path. Rejects when it did not work for {@link PATIENCE} seconds, or is no longer wanted. */
export type Get = (path: string) => Promise<Response>;

/** @param signal whatever is under way is no longer wanted */
export const getFrom =
  (edges: EdgeRoute, signal: AbortSignal): Get =>
  async (path) => {
    const began = performance.now();
    for (;;) {
      const url = edges.locate(path);
      const onAnswer = edges.watch(url);
      let reason = '';
      try {
        const response = await fetch(url, { signal });
        onAnswer();
        if (response.ok) {
          return response;
        }
        reason = `status ${response.status}`;
        if (response.status === BAD_GATEWAY) {
          edges.failed(url);
        }
      } catch (error) {
        onAnswer();
        signal.throwIfAborted();
        reason = error instanceof Error ? error.message : '';
        edges.suspect(url);
      }
      if (performance.now() - began > PATIENCE * 1000) {
        throw new Error(`${path}: ${reason}`);
      }
      await delay(RETRY_MS);
    }
  };

/** Calls again and again what may not be as it should yet, for so many seconds. */
export async function insist<T>(seconds: number, action: () => Promise<T>): Promise<T> {
  const began = performance.now();
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (performance.now() - began > seconds * 1000) {
        throw error;
      }
      await delay(RETRY_MS);
    }
  }
}
