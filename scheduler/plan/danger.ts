/**
 * Whether a channel's deadlines are in danger: its work has been later than its profile bears for a while, and does not catch
 * up by itself. Not what one lost worker leads to, and not one segment that hangs. Pure; times are the clock's.
 */
import type { Profile } from '#common/contracts/channel';
import { divisionOf } from '#common/division';
import { segmentSeconds, type Grid } from '#common/grid';
import { PLAYERS_BEHIND_SEGMENTS } from '#common/lateness';
import { milliseconds, type Milliseconds } from '#common/time';

/** Players keep three parts, or in `standard` three segments, between themselves and the newest: that is the promise. */
const PROMISED_PIECES = PLAYERS_BEHIND_SEGMENTS;
/** The share of it that work may be late by: what is left carries the bytes to the player. */
const DANGER_SHARE = 2 / 3;
/** So little of it is as if nothing were late. */
const CALM_SHARE = 1 / 3;
/** Late for so long without a break, and through two pieces at least, is no accident: a key frame, a page that opens. */
const DANGER_MS = 2_000;
/** Where it grows so fast that by the time a decision counts it would be so many times the promise, half as long tells. */
const HEADED_SHARE = 2.5;
const DECISION_COUNTS_MS = 4_000;
/** A segment taken over from a lost worker is caught up by then, or it is not the worker that was lost. */
const TAKEOVER_MS = 6_000;
/** Lateness is compared over so long. */
const TREND_MS = 3_000;
/** It falls when it is less by so much of the promise: readings wander. */
const FALLING_SHARE = 0.1;

/** How late a channel's work is now. */
export interface Lateness {
  /** Milliseconds after all that it needs was there. */
  readonly lateMs: number;
  /** Of its smallest picture and its sound: less where larger pictures have an encoder of their own. */
  readonly leastLateMs: number;
  /** When a segment was last taken over from a worker that was lost. */
  readonly takenOverAt: number | undefined;
}

interface Reading {
  readonly at: number;
  readonly lateMs: number;
}

/** How late work of a profile may be before its viewers are in danger, milliseconds. */
export const dangerLimit = (grid: Grid, profile: Profile): Milliseconds =>
  milliseconds(DANGER_SHARE * promiseOf(grid, profile));

const pieceOf = (grid: Grid, profile: Profile): number =>
  (segmentSeconds(grid) * 1000) / divisionOf(grid, profile).parts;
const promiseOf = (grid: Grid, profile: Profile): number =>
  PROMISED_PIECES * pieceOf(grid, profile);

/** See the head of this file. Told of lateness some times a second. */
export class Danger {
  readonly #promise: number;
  readonly #patience: number;
  #readings: Reading[] = [];
  #leastLateMs = 0;
  #lateSince: number | undefined;
  #calmSince: number | undefined;

  constructor(grid: Grid, profile: Profile) {
    this.#promise = promiseOf(grid, profile);
    this.#patience = Math.max(DANGER_MS, 2 * pieceOf(grid, profile));
  }

  /** The newest reading. */
  note(now: Milliseconds, { lateMs, leastLateMs, takenOverAt }: Lateness): void {
    this.#leastLateMs = leastLateMs;
    const isTakeover = takenOverAt !== undefined && now - takenOverAt < TAKEOVER_MS;
    const isLate = lateMs > DANGER_SHARE * this.#promise && !isTakeover;
    const isCalm = lateMs < CALM_SHARE * this.#promise;
    this.#lateSince = isLate ? (this.#lateSince ?? now) : undefined;
    this.#calmSince = isCalm ? (this.#calmSince ?? now) : undefined;
    this.#readings.push({ at: now, lateMs });
    // The first of those kept is the newest that is old enough to compare with.
    const old = this.#readings.findLastIndex(({ at }) => at <= now - TREND_MS);
    this.#readings.splice(0, Math.max(0, old));
  }

  /** How late it is, milliseconds. */
  get lateMs(): number {
    return this.#readings.at(-1)?.lateMs ?? 0;
  }

  /** Whether its smallest picture is on time, however late larger ones are. */
  get isLeastOnTime(): boolean {
    return this.#leastLateMs <= DANGER_SHARE * this.#promise;
  }

  /** Since when nothing has been late; undefined when something is. */
  get calmSince(): number | undefined {
    return this.#calmSince;
  }

  /** How much of its work is made, as a share of what comes: 1 where it keeps step; over the last {@link TREND_MS}. */
  get speed(): number {
    const [first] = this.#readings;
    const last = this.#readings.at(-1);
    return first === undefined || last === undefined || last.at <= first.at
      ? 1
      : Math.max(0, 1 - (last.lateMs - first.lateMs) / (last.at - first.at));
  }

  /** Whether deadlines are in danger, and it does not get better by itself. */
  isInDanger(now: Milliseconds): boolean {
    const headedFor = this.lateMs + (1 - this.speed) * DECISION_COUNTS_MS;
    const isSteep = headedFor > HEADED_SHARE * this.#promise;
    const patience = isSteep ? this.#patience / 2 : this.#patience;
    return this.#lateSince !== undefined && now - this.#lateSince >= patience && !this.#isFalling();
  }

  #isFalling(): boolean {
    const [first] = this.#readings;
    return first !== undefined && first.lateMs - this.lateMs > FALLING_SHARE * this.#promise;
  }
}
