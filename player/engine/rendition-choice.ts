/**
 * Which rendition to fetch next. Down when fragments come ever later than they are made, for then the way here is too
 * narrow; up when bursts say that there is room and nothing has been late for a while, by one where nothing says how much
 * room there is, and more reluctantly to one that has proved too much before. Pure: times are seconds of any one clock.
 */

/** What is known of a rendition. */
export interface Candidate {
  readonly id: string;
  readonly bandwidthBps: number;
  readonly height: number;
}

/** What the choice is made from. */
export interface Situation {
  readonly now: number;
  /** Bits a second that the network could carry, sound included; undefined: not known. */
  readonly throughputBps: number | undefined;
  /** Seconds that the newest fragment came later than usual. */
  readonly late: number;
  /** Pixels of the picture on the screen, in height; larger renditions are of no use. */
  readonly screenHeight: number;
}

/** Of the throughput, so much is used. */
const SHARE = 0.7;
/** A fragment so much later than usual says that the network is behind. */
const BEHIND = 0.35;
/** Nothing was late for so long before going up, and for so long where nothing tells how much room there is. */
const CALM = 6;
const CALM_UNTOLD = 12;
/** After having proved too much; doubled each time. */
const FIRST_PENALTY = 15;
const LONGEST_PENALTY = 240;
/** What a first visit is taken to have. */
const ASSUMED_BPS = 3_000_000;

/** See the head of this file. */
export class RenditionChoice {
  #candidates: readonly Candidate[];
  readonly #soundBps: number;
  readonly #penalties = new Map<string, { readonly until: number; readonly seconds: number }>();
  #current: Candidate;
  #lateAt: number;
  #chosenAt: number;

  /**
   * @param candidates the highest bandwidth first; not empty
   * @param soundBps what sound takes of the same network
   */
  constructor(candidates: readonly Candidate[], soundBps: number, situation: Situation) {
    this.#candidates = candidates;
    this.#soundBps = soundBps;
    this.#lateAt = situation.now - CALM;
    this.#chosenAt = situation.now;
    this.#current = this.#fitting({
      ...situation,
      throughputBps: situation.throughputBps ?? ASSUMED_BPS,
    });
  }

  /** The rendition chosen last. */
  get current(): string {
    return this.#current.id;
  }

  /** Another has been taken for some other reason: the viewer's wish, or one that is not made any more. */
  set current(id: string) {
    this.#current = this.#candidates.find((candidate) => candidate.id === id) ?? this.#current;
  }

  /** Others are made from now on; if the current one is not, the best of those below it takes its place. */
  offer(candidates: readonly Candidate[], situation: Situation): void {
    this.#candidates = candidates;
    if (candidates.some(({ id }) => id === this.#current.id)) {
      return;
    }
    const below = candidates.filter(
      ({ bandwidthBps }) => bandwidthBps < this.#current.bandwidthBps,
    );
    const { throughputBps = Number.POSITIVE_INFINITY } = situation;
    this.#current =
      below.find(({ bandwidthBps }) => this.#fits(bandwidthBps, throughputBps)) ??
      candidates.at(-1) ??
      this.#current;
    this.#chosenAt = situation.now;
    this.#lateAt = situation.now;
  }

  /** The lowest of them. */
  get lowest(): string {
    return this.#candidates.at(-1)?.id ?? this.#current.id;
  }

  /** Whether the network is so far behind that the rendition must go before its segment is over. */
  isFailing({ late }: Pick<Situation, 'late'>): boolean {
    return late > BEHIND && this.#current.id !== this.lowest;
  }

  /** What failed is avoided for a while. The one chosen in its place: by what the network gives now, the lowest if in doubt. */
  fail(situation: Situation): string {
    const failed = this.#current;
    const { seconds } = this.#penalties.get(failed.id) ?? { seconds: FIRST_PENALTY / 2 };
    const next = Math.min(LONGEST_PENALTY, seconds * 2);
    this.#penalties.set(failed.id, { until: situation.now + next, seconds: next });
    this.#lateAt = situation.now;
    this.#chosenAt = situation.now;
    const lower = this.#candidates.slice(this.#candidates.indexOf(failed) + 1);
    const fitting = lower.find(({ bandwidthBps }) =>
      this.#fits(bandwidthBps, situation.throughputBps ?? 0),
    );
    this.#current = fitting ?? lower.at(-1) ?? failed;
    return this.#current.id;
  }

  /** The rendition of the next segment. */
  next(situation: Situation): string {
    const { now, late } = situation;
    if (late > BEHIND / 2) {
      this.#lateAt = now;
    }
    const isTold = situation.throughputBps !== undefined;
    const wanted = isTold
      ? this.#fitting(situation)
      : (this.#nextAbove(situation) ?? this.#current);
    const isUp = wanted.bandwidthBps > this.#current.bandwidthBps;
    if (isUp) {
      const calmSince = isTold ? this.#lateAt : Math.max(this.#lateAt, this.#chosenAt);
      // What burst past in one segment is no proof before the next.
      if (now - calmSince >= (isTold ? CALM : CALM_UNTOLD)) {
        this.#current = wanted;
        this.#chosenAt = now;
      }
    } else if (this.#isTooTall(this.#current, situation)) {
      this.#current = isTold ? wanted : this.#fitting({ ...situation, throughputBps: ASSUMED_BPS });
      this.#chosenAt = now;
    } else if (now - this.#chosenAt > LONGEST_PENALTY) {
      // It has proved itself.
      this.#penalties.delete(this.#current.id);
    }
    return this.#current.id;
  }

  #fits(bandwidthBps: number, throughputBps: number): boolean {
    return bandwidthBps + this.#soundBps <= throughputBps * SHARE;
  }

  /** The smallest that covers the screen is tall enough. */
  #isTooTall({ height }: Candidate, { screenHeight }: Pick<Situation, 'screenHeight'>): boolean {
    const enough = this.#candidates.findLast((candidate) => candidate.height >= screenHeight);
    return enough !== undefined && height > enough.height;
  }

  /** Whether a rendition suits the screen and has not proved too much of late. */
  #isOpen(candidate: Candidate, situation: Situation): boolean {
    const { now } = situation;
    return (
      !this.#isTooTall(candidate, situation) &&
      (this.#penalties.get(candidate.id)?.until ?? now) <= now
    );
  }

  #nextAbove(situation: Situation): Candidate | undefined {
    const above = this.#candidates[this.#candidates.indexOf(this.#current) - 1];
    return above !== undefined && this.#isOpen(above, situation) ? above : undefined;
  }

  #fitting(situation: Situation): Candidate {
    const { throughputBps = 0 } = situation;
    const found = this.#candidates.find(
      (candidate) =>
        this.#isOpen(candidate, situation) && this.#fits(candidate.bandwidthBps, throughputBps),
    );
    const lowest = this.#candidates.at(-1);
    if (found === undefined && lowest === undefined) {
      throw new RangeError('no rendition to choose from');
    }
    return found ?? lowest ?? this.#current;
  }
}
