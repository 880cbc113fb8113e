/** The edge's clock, so that latency is right on machines whose own clock is not. */

const SAMPLES = 3;
const AGAIN_MS = 5 * 60_000;

/** A clock that follows `/time`. */
export interface ServerClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Whether the edge has been heard. */
  readonly isSet: () => boolean;
  /** Resolves once the edge has been heard, or could not be. */
  readonly ready: Promise<void>;
}

/**
 * Starts asking; until the first answer it is the machine's clock.
 * @param ask fetches an edge's `/time`
 */
export function startServerClock(ask: () => Promise<Response>): ServerClock {
  let offset = 0;
  let isSet = false;
  let onReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    onReady = resolve;
  });
  const sample = async (): Promise<void> => {
    let best = Number.POSITIVE_INFINITY;
    for (let count = 0; count < SAMPLES; count += 1) {
      const sent = performance.now();
      const response = await ask();
      const time = Date.parse((await response.text()).trim());
      const trip = performance.now() - sent;
      // The fastest answer is the least uncertain: it was taken half a round trip ago.
      if (response.ok && !Number.isNaN(time) && trip < best) {
        best = trip;
        offset = time + trip / 2 - Date.now();
        isSet = true;
        onReady();
      }
    }
  };
  const askQuietly = (): void => {
    sample()
      .catch(() => undefined)
      .finally(onReady);
  };
  askQuietly();
  setInterval(askQuietly, AGAIN_MS);
  return { now: () => Date.now() + offset, isSet: () => isSet, ready };
}
