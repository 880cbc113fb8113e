/** What others than ffmpeg of workers take of this machine while a test runs, watched by the test itself. */
import { cpus } from 'node:os';
import { coresTaken, READING_MS, READINGS } from '../../transcoder/host-load.ts';

const SAMPLE_MS = 50;

/** A machine under watch. */
export interface MachineLoad {
  /**
   * The most that a worker could have told of others between two moments, whenever its readings began; 0 when none was seen whole.
   * @param from real time in milliseconds, as `to`
   */
  readonly mostTold: (from: number, to: number) => number;
  readonly stop: () => void;
}

interface Sample {
  readonly at: number;
  readonly cores: ReturnType<typeof cpus>;
}

/** What a worker tells whose last reading ended with the last of these: the least of its readings. */
function told(samples: readonly Sample[]): number {
  let end = samples.at(-1);
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < READINGS && end !== undefined; reading += 1) {
    const until: Sample = end;
    const begin = samples.findLast(({ at }) => at <= until.at - READING_MS);
    least = Math.min(least, (begin && coresTaken(begin.cores, until.cores)) ?? least);
    end = begin;
  }
  return Number.isFinite(least) ? least : 0;
}

/** Watches until it is stopped. */
export function watchMachine(): MachineLoad {
  const samples: Sample[] = [];
  const take = (): void => {
    samples.push({ at: Date.now(), cores: cpus() });
  };
  take();
  const timer = setInterval(take, SAMPLE_MS);
  return {
    mostTold: (from, to) =>
      samples.reduce(
        (most, { at }, i) =>
          at >= from && at <= to ? Math.max(most, told(samples.slice(0, i + 1))) : most,
        0,
      ),
    stop: () => {
      clearInterval(timer);
    },
  };
}
