/** How many viewers have which latency: counted in steps, so that any number of them takes little room and edges can be added up. Pure. */

/** Steps, milliseconds: as fine as the watch page tells it up to 3 s, then coarser. */
const FINE = { until: 3_000, step: 10 };
const MIDDLE = { until: 15_000, step: 100 };
const COARSE_STEP = 1_000;
/** As text: no longer than all steps take. */
const MAX_TEXT = 8 * 1024;

const roundTo = (ms: number, step: number): number => Math.round(ms / step) * step;

/** The step a latency belongs to. */
function stepOf(ms: number): number {
  if (ms < FINE.until) {
    return roundTo(ms, FINE.step);
  }
  return roundTo(ms, ms < MIDDLE.until ? MIDDLE.step : COARSE_STEP);
}

/** See the head of this file. Milliseconds. */
export class LatencyCounts {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** Viewers counted. */
  get total(): number {
    return this.#total;
  }

  /** Counts a viewer, or several of the same latency. */
  add(latencyMs: number, viewers = 1): void {
    const step = stepOf(latencyMs);
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + viewers);
    this.#total += viewers;
  }

  /** Counts those of another as well. */
  merge(other: LatencyCounts): void {
    for (const [step, viewers] of other.#counts) {
      this.add(step, viewers);
    }
  }

  /**
   * The latency that a share of the viewers does not exceed.
   * @param share from 0 to 1
   * @returns undefined where there are no viewers
   */
  percentile(share: number): number | undefined {
    let left = Math.max(1, Math.ceil(share * this.#total));
    for (const [step, viewers] of [...this.#counts].toSorted(([a], [b]) => a - b)) {
      left -= viewers;
      if (left <= 0) {
        return step;
      }
    }
    return undefined;
  }

  /** For a heartbeat: `620:3,640:1`. */
  toText(): string {
    return [...this.#counts].map((pair) => pair.join(':')).join(',');
  }

  /** Reads {@link toText}; undefined when it is none. */
  static parse(text: string): LatencyCounts | undefined {
    if (text.length > MAX_TEXT || !/^(?:\d{1,6}:\d{1,9}(?:,|$))*$/.test(text)) {
      return undefined;
    }
    const counts = new LatencyCounts();
    for (const pair of text.split(',').filter((item) => item !== '')) {
      const [step = 0, viewers = 0] = pair.split(':').map(Number);
      counts.add(step, viewers);
    }
    return counts;
  }
}
