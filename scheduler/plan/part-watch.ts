/**
 * Parts of segments under way with workers: which segment is late, so that another worker is to make it too. A part is late
 * when nobody has made it for half of its length after its places were closed, whatever the feed's own lateness. A worker
 * that makes others meanwhile is slow; one that makes none is silent. Pure; times are the clock's.
 */
import type { Profile } from '#common/contracts/channel';
import type { ShownEntry } from '#common/contracts/early-task';
import { divisionOf, fragmentStart, type Division } from '#common/division';
import { segmentSeconds, type Grid } from '#common/grid';
import { milliseconds, type Milliseconds, type SegmentNumber } from '#common/time';
import { soundOfFragment } from './closings.ts';

/** What a worker that begins in mid-segment needs to start ffmpeg and to catch up. */
const CATCH_UP_MS = 700;
/** Segments made a second time in a while: where more are late it is not a worker that failed, and more work would not help. */
const MOST_AGAIN = 12;
const AGAIN_WHILE_MS = 10_000;
/** A worker that was late is left out for so long; one that is gone is not heard of any more by then. */
const SILENCE_MS = 10_000;
/** Entries remembered of each kind: those of the segments under way. */
const MOST_TOLD = 400;

interface Told {
  readonly to: number;
  readonly at: number;
}

interface UnderWay {
  /** Workers that have it. */
  readonly workers: Set<string>;
  /** Parts made, by whomever. */
  parts: number;
  /** When the last of them was; before the first, when it was placed. */
  madeAt: number;
  /** Not late before that. */
  patientUntil: number;
}

/** A segment that is late. */
export interface LateSegment {
  readonly n: SegmentNumber;
  /** Whoever has it makes nothing at all: another takes its place. Else another is to help, where there is room. */
  readonly isLost: boolean;
}

/** See the head of this file. */
export class PartWatch {
  readonly #grid: Grid;
  readonly #division: Division;
  readonly #patience: number;
  /** A worker that tells of no part for so long is silent. */
  readonly #silence: number;
  readonly #underWay = new Map<SegmentNumber, UnderWay>();
  /** When workers that have segments last told of a part, or were given the first. */
  readonly #heardAt = new Map<string, number>();
  readonly #silentUntil = new Map<string, number>();
  /** How far workers were told what is shown and heard, and when. */
  readonly #told: Record<'pictures' | 'sound', readonly Told[]> = { pictures: [], sound: [] };
  #again: number[] = [];

  /** @param patience how late a part may be, in parts */
  constructor(grid: Grid, profile: Profile, patience = 0.5) {
    this.#grid = grid;
    this.#division = divisionOf(grid, profile);
    const part = (segmentSeconds(grid) * 1000) / this.#division.parts;
    this.#patience = patience * part;
    this.#silence = part + this.#patience;
  }

  /** Workers that were silent a while ago, and have made nothing since: what they have counts for nothing. */
  silent(now: Milliseconds): ReadonlySet<string> {
    return new Set([...this.#silentUntil].filter(([, until]) => until > now).map(([id]) => id));
  }

  /** A worker has a segment. */
  placed(n: SegmentNumber, worker: string, now: Milliseconds): void {
    if (![...this.#underWay.values()].some(({ workers }) => workers.has(worker))) {
      this.#heardAt.set(worker, now);
    }
    const known = this.#underWay.get(n);
    const patientUntil = now + CATCH_UP_MS;
    if (known === undefined) {
      this.#underWay.set(n, { workers: new Set([worker]), parts: 0, madeAt: now, patientUntil });
    } else {
      known.workers.add(worker);
      known.patientUntil = Math.max(known.patientUntil, patientUntil);
    }
  }

  /** Workers were told what is shown, or heard, up to somewhere. */
  told(entry: ShownEntry, now: Milliseconds): void {
    if (entry.t !== 'end') {
      const told = [...this.#told[entry.t], { to: entry.to, at: now }];
      this.#told[entry.t] = told.slice(-MOST_TOLD);
    }
  }

  /** A worker has made so many parts of a segment. */
  made(n: SegmentNumber, parts: number, worker: string, now: Milliseconds): void {
    this.#silentUntil.delete(worker);
    this.#heardAt.set(worker, now);
    const known = this.#underWay.get(n);
    if (known === undefined) {
      return;
    }
    if (parts > known.parts) {
      known.parts = parts;
      known.madeAt = now;
    }
    if (known.parts >= this.#division.parts) {
      this.#underWay.delete(n);
    }
  }

  /** Segments to be made by another worker too: those that are late now, and what else those who are silent have. */
  late(now: Milliseconds): readonly LateSegment[] {
    const late = [...this.#underWay].filter(([n, work]) => this.#lateAt(n, work) <= now);
    if (late.length === 0) {
      return [];
    }
    for (const worker of late.flatMap(([, { workers }]) => [...workers])) {
      if (now - (this.#heardAt.get(worker) ?? 0) >= this.#silence) {
        this.#silentUntil.set(worker, now + SILENCE_MS);
      }
    }
    const silent = this.silent(now);
    const isLost = ({ workers }: UnderWay): boolean => [...workers].every((id) => silent.has(id));
    const candidates = [...this.#underWay]
      .filter(([, work]) => late.some(([, one]) => one === work) || isLost(work))
      .filter(([, { patientUntil }]) => patientUntil <= now)
      .toSorted(([a], [b]) => a - b);
    this.#again = this.#again.filter((at) => at > now - AGAIN_WHILE_MS);
    const again = candidates.slice(0, MOST_AGAIN - this.#again.length);
    for (const [, work] of candidates) {
      work.patientUntil =
        now + (again.some(([, one]) => one === work) ? CATCH_UP_MS : AGAIN_WHILE_MS);
    }
    this.#again.push(...again.map(() => now));
    return again.map(([n, work]) => ({ n, isLost: isLost(work) }));
  }

  /**
   * Since when nobody goes on with a segment: its last part, if a later one has gone on since, else the last part of any.
   * Where all are slow, each will have its turn.
   */
  standsStillSince(n: SegmentNumber): number {
    const work = this.#underWay.get(n);
    if (work === undefined) {
      return 0;
    }
    const later = [...this.#underWay].filter(([other, { parts }]) => other > n && parts > 0);
    const isOvertaken = later.some(([, { madeAt }]) => madeAt > work.madeAt);
    return isOvertaken ? work.madeAt : Math.max(0, ...this.#heardAt.values());
  }

  /** When {@link late} may have something next. */
  get dueAt(): Milliseconds {
    return milliseconds(
      Math.min(
        Number.POSITIVE_INFINITY,
        ...[...this.#underWay].map(([n, work]) => this.#lateAt(n, work)),
      ),
    );
  }

  /** Segments up to this one are somebody else's concern. */
  forgetUpTo(n: SegmentNumber): void {
    for (const known of this.#underWay.keys()) {
      if (known <= n) {
        this.#underWay.delete(known);
      }
    }
  }

  #lateAt(n: SegmentNumber, { parts, patientUntil }: UnderWay): number {
    const k = (parts + 1) * this.#division.fragmentsOfPart - 1;
    const pictures = fragmentStart(this.#grid, this.#division, n, k + 1);
    const sound = soundOfFragment(this.#grid, this.#division, n, k);
    const toldAt = Math.max(
      this.#told.pictures.find(({ to }) => to >= pictures)?.at ?? Number.POSITIVE_INFINITY,
      this.#told.sound.find(({ to }) => to >= sound)?.at ?? Number.POSITIVE_INFINITY,
    );
    return Math.max(patientUntil, toldAt + this.#patience);
  }
}
