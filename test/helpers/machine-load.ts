/** What others than ffmpeg of workers take of this machine while a test runs, watched by the test itself. */
import { cpus } from 'node:os';
import { coresTaken, READING_MS } from '../../transcoder/host-load.ts';

const SAMPLE_MS = 50;

/** A machine under watch. */
export interface MachineLoad {
  /**
   * The most cores that were taken in any stretch as long as a worker's reading; 0 when none was seen whole.
   * @param from real time in milliseconds, as `to`
   */
  readonly most: (from: number, to: number) => number;
  readonly stop: () => void;
}

/** Watches until it is stopped. */
export function watchMachine(): MachineLoad {
  const samples: { readonly at: number; readonly cores: ReturnType<typeof cpus> }[] = [];
  const take = (): void => {
    samples.push({ at: Date.now(), cores: cpus() });
  };
  take();
  const timer = setInterval(take, SAMPLE_MS);
  return {
    most: (from, to) => {
      const within = samples.filter(({ at }) => at >= from && at <= to);
      const taken = within.map((first) => {
        const last = within.find(({ at }) => at >= first.at + READING_MS);
        return last === undefined ? undefined : coresTaken(first.cores, last.cores);
      });
      return Math.max(0, ...taken.filter((cores) => cores !== undefined));
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}
