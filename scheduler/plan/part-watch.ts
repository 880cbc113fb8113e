/**
 * Parts of segments under way with workers: which segment is late, so that another worker must make it too. A part is late
 * when nobody has made it for half of its length after its places were closed, whatever the feed's own lateness. Pure; times
 * are the clock's.
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
const MOST_AGAIN = 4;
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
  /** When the last of them was. */
  madeAt: number;
  /** Not late before that. */
  patientUntil: number;
}

/** See the head of this file. */
export class PartWatch {
  readonly #grid: Grid;
  readonly #division: Division;
  readonly #patience: number;
  readonly #underWay = new Map<SegmentNumber, UnderWay>();
  readonly #silentUntil = new Map<string, number>();
  /** How far workers were told what is shown and heard, and when. */
  readonly #told: Record<'pictures' | 'sound', readonly Told[]> = { pictures: [], sound: [] };
  #again: number[] = [];

  /** @param patience how late a part may be, in parts */
  constructor(grid: Grid, profile: Profile, patience = 0.5) {
    this.#grid = grid;
    this.#division = divisionOf(grid, profile);
    this.#patience = (patience * segmentSeconds(grid) * 1000) / this.#division.parts;
  }

  /** Workers that were late a while ago, and have made nothing since: what they have counts for nothing. */
  silent(now: Milliseconds): ReadonlySet<string> {
    return new Set([...this.#silentUntil].filter(([, until]) => until > now).map(([id]) => id));
  }

  /** A worker has a segment. */
  placed(n: SegmentNumber, worker: string): void {
    const known = this.#underWay.get(n);
    if (known === undefined) {
      const workers = new Set([worker]);
      this.#underWay.set(n, { workers, parts: 0, madeAt: 0, patientUntil: 0 });
    } else {
      known.workers.add(worker);
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
    const known = this.#underWay.get(n);
    if (known !== undefined) {
      known.parts = Math.max(known.parts, parts);
      known.madeAt = now;
      if (known.parts >= this.#division.parts) {
        this.#underWay.delete(n);
      }
    }
  }

  /** Segments to be made by another worker too: those that are late now, and what else those who are late have. */
  late(now: Milliseconds): readonly SegmentNumber[] {
    const late = [...this.#underWay].filter(([n, work]) => this.#lateAt(n, work) <= now);
    if (late.length === 0) {
      return [];
    }
    for (const [, { workers }] of late) {
      for (const worker of workers) {
        this.#silentUntil.set(worker, now + SILENCE_MS);
      }
    }
    const silent = this.silent(now);
    const orphans = [...this.#underWay]
      .filter(
        ([, { workers, patientUntil }]) =>
          patientUntil <= now && [...workers].every((worker) => silent.has(worker)),
      )
      .toSorted(([a], [b]) => a - b);
    this.#again = this.#again.filter((at) => at > now - AGAIN_WHILE_MS);
    const again = orphans.slice(0, MOST_AGAIN - this.#again.length);
    for (const [, work] of orphans) {
      work.patientUntil = now + AGAIN_WHILE_MS;
    }
    for (const [, work] of again) {
      work.patientUntil = now + CATCH_UP_MS;
      this.#again.push(now);
    }
    return again.map(([n]) => n);
  }

  /** When the last part of a segment under way was made; 0 before the first. */
  madeAt(n: SegmentNumber): number {
    return this.#underWay.get(n)?.madeAt ?? 0;
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
