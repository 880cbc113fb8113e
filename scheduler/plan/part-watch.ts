/**
 * Parts of segments under way with workers: which segment another worker is to make too. Lost is one whose workers all are
 * gone, silent (dead, or frozen) or have failed: it is given out again at once. Late is one of which nobody has made a part for
 * half of its length after its places were closed, whatever the feed's own lateness: another helps, where there is room.
 * Pure; times are the clock's.
 */
import type { Profile } from '#common/contracts/channel';
import { tellsPlaces, type ShownEntry } from '#common/contracts/early-task';
import { divisionOf, fragmentStart, type Division } from '#common/division';
import { segmentSeconds, type Grid } from '#common/grid';
import {
  greatest,
  milliseconds,
  segmentNumber,
  type Milliseconds,
  type SegmentNumber,
} from '#common/time';
import { soundOfFragment } from './closings.ts';
import type { Lateness } from './danger.ts';

/**
 * The main thread of a worker with segments gives a sign of life every `PULSE_MS`; without any for so long the worker is silent. One whose
 * process ended or stands still is known without this, and one that starts a dozen ffmpeg while cores are short is silent for half a second:
 * taken for lost, it had all its work begun twice.
 */
const SILENCE_MS = 1_000;
/** One that is silent for so long is dead: until then it may only wait for a core, and to make all that it has anew would cost more. */
const DEAD_MS = 2_000;
/** What a worker that begins in mid-segment needs to start ffmpeg and to catch up. */
const CATCH_UP_MS = 1_200;
/** A segment of which nothing came for so long hangs: what a slow machine makes comes sooner, or all of it is late. */
const HUNG_MS = 2_000;
/** A lost segment for which there was no worker is given out again after so long: one that starts again may be there by then. */
const RETRY_MS = 100;
/** A worker that was silent is left out for so long, or until it is heard; one that is gone is not listed any more by then. */
const LEFT_OUT_MS = 10_000;
/**
 * Segments of workers that live made a second time in a while: where more are late it is not a worker that failed, and more work would not
 * help. What was with one that is away, or with nobody, is not made twice by being made elsewhere.
 */
const MOST_AGAIN = 12;
const AGAIN_WHILE_MS = 10_000;
/** Workers that one segment is given to: where so many fail, it is not the workers. */
const MOST_WORKERS = 4;
/** Parts come several a second: where none has for so long, nobody goes on. */
const GOING_ON_MS = 1_000;
/** Entries remembered of each kind: those of the segments under way. */
const MOST_TOLD = 400;
/** Segments remembered as whole. */
const MOST_WHOLE = 32;

interface Told {
  readonly to: number;
  readonly at: number;
}

interface UnderWay {
  /** Workers that have it, and when they were given it. */
  readonly workers: Map<string, number>;
  /** Those of them that could not make it. */
  readonly failed: Set<string>;
  /** How often it was given out. */
  given: number;
  /** Parts made, by whomever: of all its renditions, and of its smallest picture and its sound. */
  parts: number;
  leastParts: number;
  /** When the last of them was; before the first, when it was placed. */
  madeAt: number;
  /** When it, or a part of only its smallest picture and its sound, was. */
  wentOnAt: number;
  /** Not late before that, and not lost. */
  patientUntil: number;
  retryAt: number;
}

/** A segment that another worker is to make too. */
export interface LateSegment {
  readonly n: SegmentNumber;
  /** Nobody goes on with it: another takes it over. Else another is to help, where there is room. */
  readonly isLost: boolean;
  /** Whoever had it is away or has failed: nothing of theirs will come any more. One that is only silent, or slow, may go on. */
  readonly isAbandoned: boolean;
  /** Nothing of it came for so long that it hangs. Else it is slow, and so is the machine that it is made on. */
  readonly isHung: boolean;
}

/** What is known of workers' lives. */
export interface WorkerLives {
  /** When a worker last gave a sign of life; undefined if it never did. */
  readonly lastHeard: (worker: string) => number | undefined;
  /** Whether its process has ended, or stands still: it is silent from then on. */
  readonly isAway: (worker: string) => boolean;
}

/** See the head of this file. */
export class PartWatch {
  readonly #grid: Grid;
  readonly #division: Division;
  readonly #lives: WorkerLives;
  readonly #patience: number;
  readonly #underWay = new Map<SegmentNumber, UnderWay>();
  /** Workers that were silent, and when that was seen. */
  readonly #silentSince = new Map<string, number>();
  /** How far workers were told what is shown and heard, and when. */
  readonly #told: Record<'pictures' | 'sound', readonly Told[]> = { pictures: [], sound: [] };
  /** When a part of any segment was last made; before the first, when a segment was first placed. */
  #wentOnAt: number | undefined;
  /** When segments became whole. */
  readonly #wholeAt = new Map<SegmentNumber, number>();
  /** The last segment that became somebody else's concern. */
  #forgottenTo = segmentNumber(0);
  #again: number[] = [];
  /** How late the part made last was. */
  #lastLate = 0;
  /** Likewise of the smallest picture and the sound. */
  #lastLeastLate = 0;
  #takenOverAt: number | undefined;

  /** @param lateAfter how late a part may be, in parts */
  constructor(grid: Grid, profile: Profile, lives: WorkerLives, lateAfter: number) {
    this.#grid = grid;
    this.#division = divisionOf(grid, profile);
    this.#lives = lives;
    this.#patience = (lateAfter * segmentSeconds(grid) * 1000) / this.#division.parts;
  }

  /** Workers that were silent a while ago, and were not heard since: what they have counts for nothing. */
  silent(now: Milliseconds): ReadonlySet<string> {
    for (const [worker, since] of this.#silentSince) {
      const isHeard = !this.#lives.isAway(worker) && this.#heardAt(worker) > since;
      if (now >= since + LEFT_OUT_MS || isHeard) {
        this.#silentSince.delete(worker);
      }
    }
    return new Set(this.#silentSince.keys());
  }

  /** Segments with workers that are not whole. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** Those of them that lack something even of their smallest picture or their sound. */
  get leastUnderWay(): number {
    const { parts } = this.#division;
    return [...this.#underWay.values()].filter(({ leastParts }) => leastParts < parts).length;
  }

  /** The first segment with workers that is not whole. */
  get unfinished(): SegmentNumber | undefined {
    return [...this.#underWay.keys()].toSorted((a, b) => a - b)[0];
  }

  /** Workers that could not make a segment. */
  failed(n: SegmentNumber): ReadonlySet<string> {
    return this.#underWay.get(n)?.failed ?? new Set();
  }

  /** A segment is to be made, unless it is whole or somebody else's concern. Until a worker has it, it is lost. */
  wanted(n: SegmentNumber, now: Milliseconds): void {
    const isOver = this.#wholeAt.has(n) || n <= this.#forgottenTo;
    if (!this.#underWay.has(n) && !isOver) {
      this.#underWay.set(n, {
        workers: new Map(),
        failed: new Set(),
        given: 0,
        parts: 0,
        leastParts: 0,
        madeAt: now,
        wentOnAt: now,
        patientUntil: now,
        retryAt: now + RETRY_MS,
      });
    }
  }

  /** A worker has a segment. */
  placed(n: SegmentNumber, worker: string, now: Milliseconds): void {
    this.wanted(n, now);
    const work = this.#underWay.get(n);
    if (work !== undefined) {
      work.retryAt = work.given === 0 ? now : work.retryAt;
      work.workers.set(worker, now);
      work.failed.delete(worker);
      work.given += 1;
      work.patientUntil = Math.max(work.patientUntil, now + CATCH_UP_MS);
    }
    this.#wentOnAt ??= now;
  }

  /** A broadcast begins: its first segment is given out when it has begun, and caught up with like one that is taken over. */
  begins(now: Milliseconds): void {
    this.#takenOverAt = now;
  }

  /** Workers were told what is shown, or heard, up to somewhere. */
  told(entry: ShownEntry, now: Milliseconds): void {
    if (tellsPlaces(entry)) {
      const told = [...this.#told[entry.t], { to: entry.to, at: now }];
      this.#told[entry.t] = told.slice(-MOST_TOLD);
    }
  }

  /**
   * A worker has made so many parts of a segment.
   * @param leastParts of its smallest picture and its sound
   */
  made(n: SegmentNumber, parts: number, now: Milliseconds, leastParts = parts): void {
    this.#wentOnAt = now;
    const known = this.#underWay.get(n);
    if (known === undefined) {
      return;
    }
    // A part that is out before this process knows of its places is of a leader before.
    const lateOf = (made: number): number =>
      Math.max(0, now - Math.min(now, this.#toldAt(n, made)));
    if (leastParts > known.leastParts) {
      this.#lastLeastLate = lateOf(leastParts);
      known.leastParts = leastParts;
      known.wentOnAt = now;
    }
    if (parts > known.parts) {
      this.#lastLate = lateOf(parts);
      known.parts = parts;
      known.madeAt = now;
      known.wentOnAt = now;
    }
    if (known.parts >= this.#division.parts) {
      this.#underWay.delete(n);
      this.#wholeAt.set(n, now);
      for (const oldest of [...this.#wholeAt.keys()].slice(0, -MOST_WHOLE)) {
        this.#wholeAt.delete(oldest);
      }
    }
  }

  /** A worker cannot make a segment. */
  gaveUp(n: SegmentNumber, worker: string): void {
    this.#underWay.get(n)?.failed.add(worker);
  }

  /**
   * Segments to be made by another worker too: those that are lost or late now.
   * @param onlyLost nobody helps with what is only late
   */
  late(now: Milliseconds, onlyLost = false): readonly LateSegment[] {
    for (const worker of [...this.#underWay.values()].flatMap((work) => [...work.workers.keys()])) {
      if (now >= this.#silentAt(worker) && !this.#silentSince.has(worker)) {
        this.#silentSince.set(worker, now);
      }
    }
    const silent = this.silent(now);
    const candidates = [...this.#underWay]
      .map(([n, work]) => ({ n, work, isLost: isLost(work, silent) }))
      .filter(({ n, work, isLost: lost }) =>
        lost ? work.retryAt <= now : this.#lateAt(n, work) <= now,
      )
      .filter(({ work }) => work.given < MOST_WORKERS)
      .map((candidate) => ({
        ...candidate,
        isHung: now >= this.#hungAt(candidate),
        isOrphan: this.#isOrphan(candidate.work),
        isAbandoned: this.#isAbandoned(candidate.work),
      }))
      .toSorted((a, b) => a.n - b.n);
    this.#again = this.#again.filter((at) => at > now - AGAIN_WHILE_MS);
    const twice = candidates
      .filter(({ isLost: lost, isOrphan }) => !isOrphan && (lost || !onlyLost))
      .slice(0, MOST_AGAIN - this.#again.length);
    const again = candidates.filter((candidate) => candidate.isOrphan || twice.includes(candidate));
    for (const candidate of candidates) {
      const { work } = candidate;
      const isGiven = again.includes(candidate);
      const patient =
        candidate.isHung || candidate.isLost ? now + CATCH_UP_MS : this.#hungAt(candidate);
      // One that was only late, and may have found nobody to help, is not to wait when it is lost.
      if (candidate.isLost) {
        work.retryAt = now + (isGiven ? RETRY_MS : AGAIN_WHILE_MS);
      }
      work.patientUntil = isGiven ? patient : now + AGAIN_WHILE_MS;
    }
    this.#again.push(...twice.map(() => now));
    if (again.some(({ isLost: lost }) => lost)) {
      this.#takenOverAt = now;
    }
    return again.map(({ n, isLost: lost, isAbandoned, isHung }) => {
      return { n, isLost: lost, isAbandoned, isHung };
    });
  }

  /** Whether a worker that lives, and has not failed, has a segment. */
  isAlive(n: SegmentNumber, now: Milliseconds): boolean {
    const { workers, failed } = this.#underWay.get(n) ?? NOBODY;
    return [...workers].some(
      ([id, given]) =>
        !failed.has(id) &&
        !this.#lives.isAway(id) &&
        now < Math.max(given + SILENCE_MS, this.#heardAt(id) + DEAD_MS),
    );
  }

  /**
   * Since when nobody goes on with a segment: its last part, if a later one has gone on since, or if it is whole; else the last
   * part of any. Where all are slow, each will have its turn.
   */
  standsStillSince(n: SegmentNumber): number {
    const work = this.#underWay.get(n);
    if (work === undefined) {
      return this.#wholeAt.get(n) ?? 0;
    }
    const later = [...this.#underWay].filter(([other, { parts }]) => other > n && parts > 0);
    const isOvertaken = later.some(([, { madeAt }]) => madeAt > work.madeAt);
    return isOvertaken ? work.madeAt : (this.#wentOnAt ?? 0);
  }

  /** Whether parts come, late or not. */
  isGoingOn(now: Milliseconds): boolean {
    return now - (this.#wentOnAt ?? 0) < GOING_ON_MS;
  }

  /**
   * How late work is: the part made last, or one that is waited for where only its smallest picture and its sound are there; where nobody
   * goes on, the oldest that is waited for. One segment that hangs while others come is not what this tells of.
   */
  lateness(now: Milliseconds): Lateness {
    const isGoingOn = this.isGoingOn(now);
    const waitedIn = (segments: readonly (readonly [SegmentNumber, UnderWay])[]): number =>
      Math.max(0, ...segments.map(([n, { parts }]) => now - this.#toldAt(n, parts + 1)));
    const all = [...this.#underWay];
    const lateMs = isGoingOn
      ? Math.max(this.#lastLate, waitedIn(all.filter(([, work]) => work.leastParts > work.parts)))
      : waitedIn(all);
    const leastLateMs = isGoingOn ? this.#lastLeastLate : lateMs;
    return { lateMs, leastLateMs, takenOverAt: this.#takenOverAt };
  }

  /** When {@link late} may have something next. */
  get dueAt(): Milliseconds {
    const open = [...this.#underWay].filter(([, { given }]) => given < MOST_WORKERS);
    return milliseconds(
      Math.min(
        Number.POSITIVE_INFINITY,
        ...open.flatMap(([n, work]) => [this.#lateAt(n, work), this.#lostAt(work)]),
      ),
    );
  }

  /** A segment is somebody else's concern. */
  forget(n: SegmentNumber): void {
    this.#forgottenTo = greatest(this.#forgottenTo, n);
    this.#underWay.delete(n);
    this.#wholeAt.delete(n);
  }

  /** When a worker will have been silent for too long, unless it is heard before. */
  #silentAt(worker: string): number {
    if (this.#lives.isAway(worker)) {
      return 0;
    }
    const given = [...this.#underWay.values()].map(({ workers }) => workers.get(worker));
    const first = Math.min(...given.flatMap((at) => at ?? []));
    return Math.max(first, this.#heardAt(worker)) + SILENCE_MS;
  }

  #heardAt(worker: string): number {
    return this.#lives.lastHeard(worker) ?? 0;
  }

  #lostAt({ workers, failed, retryAt }: UnderWay): number {
    const able = [...workers.keys()].filter((worker) => !failed.has(worker));
    return Math.max(retryAt, ...able.map((worker) => this.#silentAt(worker)));
  }

  /** Whether all its workers are away, or it has none. */
  #isOrphan({ workers }: UnderWay): boolean {
    return [...workers.keys()].every((id) => this.#lives.isAway(id));
  }

  #isAbandoned({ workers, failed }: UnderWay): boolean {
    return [...workers.keys()].every((id) => this.#lives.isAway(id) || failed.has(id));
  }

  #hungAt({ n, work }: { readonly n: SegmentNumber; readonly work: UnderWay }): number {
    return Math.max(work.wentOnAt, this.#toldAt(n, work.parts + 1)) + HUNG_MS;
  }

  #lateAt(n: SegmentNumber, { parts, patientUntil }: UnderWay): number {
    return Math.max(patientUntil, this.#toldAt(n, parts + 1) + this.#patience);
  }

  /** When all was told of the first so many parts of a segment; infinity while it is not, or is not known any more. */
  #toldAt(n: SegmentNumber, parts: number): number {
    const k = parts * this.#division.fragmentsOfPart - 1;
    const pictures = fragmentStart(this.#grid, this.#division, n, k + 1);
    const sound = soundOfFragment(this.#grid, this.#division, n, k);
    return Math.max(
      this.#told.pictures.find(({ to }) => to >= pictures)?.at ?? Number.POSITIVE_INFINITY,
      this.#told.sound.find(({ to }) => to >= sound)?.at ?? Number.POSITIVE_INFINITY,
    );
  }
}

const NOBODY: Pick<UnderWay, 'workers' | 'failed'> = { workers: new Map(), failed: new Set() };

const isLost = ({ workers, failed }: UnderWay, silent: ReadonlySet<string>): boolean =>
  [...workers.keys()].every((id) => silent.has(id) || failed.has(id));
