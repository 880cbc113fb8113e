/**
 * The one clock. In production it is the wall clock read once and carried on monotonically, so that a clock step
 * of the machine does not bend a session. Tests set `rate` and `origin` to run whole pipelines faster than real
 * time; all processes given the same two settings agree.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { milliseconds, type Milliseconds } from './time.ts';

/** Where time comes from. */
export interface Clock {
  /** Milliseconds since the Unix epoch, with fractions; never goes back within a process. */
  readonly now: () => Milliseconds;
  /** Clock seconds in one real second. */
  readonly rate: number;
  /** Resolves once that much clock time has passed; rejects when the signal aborts. */
  readonly sleep: (duration: Milliseconds, signal?: AbortSignal) => Promise<void>;
}

/**
 * A clock.
 * @param options.rate clock seconds per real second, default 1
 * @param options.origin real time in milliseconds since the epoch at which clock and wall clock agree; needed with a rate other than 1
 */
export function createClock(
  options: { readonly rate?: number; readonly origin?: number | undefined } = {},
): Clock {
  const rate = options.rate ?? 1;
  const real = (): number => performance.timeOrigin + performance.now();
  const origin = options.origin ?? performance.timeOrigin;
  return {
    rate,
    now: () => milliseconds(origin + (real() - origin) * rate),
    sleep: async (duration, signal) => {
      await delay(Math.max(0, duration / rate), undefined, signal ? { signal } : {});
    },
  };
}
