/**
 * How many cores of the machine other programs take: OBS beside the pipeline, a browser, the rest of the pipeline. What
 * runs with a lowered priority is not counted, and workers run ffmpeg so: it is what they are asked to carry.
 */
import { cpus, type CpuInfo } from 'node:os';
import type { Closable } from '#common/lifecycle';

type Times = Pick<CpuInfo, 'times'>;

/** Between readings, real milliseconds. */
export const READING_MS = 500;
/**
 * The least of so many counts: a program that starts, or a page that opens, is over soon; one that streams goes on. With
 * the reading under way they reach two seconds back, which is not more than a broadcast has had of its feed when it begins.
 */
export const READINGS = 3;

/** Cores taken between two readings of the kernel's counters; undefined when no time has passed. */
export function coresTaken(before: readonly Times[], after: readonly Times[]): number | undefined {
  const sum = (readings: readonly Times[], name: keyof CpuInfo['times']): number =>
    readings.reduce((total, { times }) => total + times[name], 0);
  const passed = (name: keyof CpuInfo['times']): number => sum(after, name) - sum(before, name);
  const busy = passed('user') + passed('sys') + passed('irq');
  const all = busy + passed('nice') + passed('idle');
  // A core that was taken away or added makes nonsense of the difference.
  return before.length === after.length && all > 0
    ? Math.max(0, (after.length * busy) / all)
    : undefined;
}

/** Watches the machine. */
export class HostLoad implements Closable {
  readonly #read: () => readonly Times[];
  readonly #onReading: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #latest: number[] = [];
  #last: readonly Times[];

  constructor(onReading: () => void, read: () => readonly Times[] = cpus, everyMs = READING_MS) {
    this.#onReading = onReading;
    this.#read = read;
    this.#last = read();
    this.#timer = setInterval(() => {
      this.take();
    }, everyMs);
    this.#timer.unref();
  }

  /** Cores that others take and go on taking; null before the first reading. */
  get otherCores(): number | null {
    return this.#latest.length === 0 ? null : Math.min(...this.#latest);
  }

  /** Takes a reading. */
  take(): void {
    const now = this.#read();
    const cores = coresTaken(this.#last, now);
    this.#last = now;
    if (cores !== undefined) {
      this.#latest.push(cores);
      this.#latest.splice(0, this.#latest.length - READINGS);
      this.#onReading();
    }
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }
}
