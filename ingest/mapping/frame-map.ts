/**
 * Gives each frame of a session its place on the grid, in presentation order, with hysteresis.
 *
 * A frame takes the place after the one before it until it lies more than 0.75 of a frame off. What it is measured
 * against is not the grid itself but the grid moved by a slow average of the frames' errors, so that jitter has the
 * whole 0.75 to itself however far the source's clock has drifted; when that average passes 0.75, one frame is given
 * up, once. Plain rounding would flap between two places for as long as a drifting source crosses a border.
 *
 * A source at a whole part of the grid's rate (15 frames a second on the grid of 30, frames of two fields on that of 50)
 * takes every second place in the same way, or every third: its stride.
 */
import type { Steady } from './session-offset.ts';

/** How far from the next place a frame may lie, in frames of the source, and still take it; of a slow source less. */
const HYSTERESIS = 0.75;
const MAX_HYSTERESIS = 1.5;
/** Steps in a row that tell another stride at once, and how far each may be off it; jittered ones take longer. */
const STRIDE_STEPS = 4;
const STRIDE_STEP = 0.3;
/** Weight of one frame in the slow average: some 3 s at 30 frames a second. */
const AVERAGE_WEIGHT = 1 / 96;
/** Weight of one frame in the measure of how many frames follow the grid one by one. */
const STEP_WEIGHT = 1 / 64;
/** Frames over which the source's rate is compared with the grid's, and how far it may be off, jitter included. */
const RATE_FRAMES = 64;
const SAME_RATE = 0.05;
/** Strides without a frame after which the rate is measured anew: a gap says nothing about it. */
const HOLE = 4;

/** See the head of this file. */
export class FrameMap {
  #previous: number | undefined;
  #floor = Number.NEGATIVE_INFINITY;
  #stride = 1;
  #drift = 0;
  #inStep = 1;
  /** The next frame gives one up: 1 leaves a place out, -1 shares one. */
  #turn = 0;
  /** Positions of the last frames, a ring. */
  readonly #recent: number[] = [];
  #count = 0;

  /** @param floor no frame gets a place below this one: the last of the channel's session before */
  constructor(floor?: number) {
    this.#previous = floor;
  }

  /** The newest place given, or the floor. */
  get previous(): number | undefined {
    return this.#previous;
  }

  /** Share of frames that took the place right after the one before, lately: 1 for a clean feed at the grid's rate. */
  get inStep(): number {
    return this.#inStep;
  }

  /**
   * The place of the next frame in presentation order; the same as before if two share it (the later is shown).
   * @param position where the frame falls, in frames: a whole number is the middle of what rounds to it
   */
  place(position: number): number {
    const hasRate = this.#followRate(position);
    const measured = position - this.#drift;
    const previous = this.#previous;
    if (previous === undefined) {
      this.#previous = Math.round(measured);
      return this.#previous;
    }
    const next = previous + this.#stride + this.#turn;
    this.#turn = 0;
    const tolerance = Math.min(HYSTERESIS * this.#stride, MAX_HYSTERESIS);
    const isNext = Math.abs(measured - next) <= tolerance;
    const index = isNext
      ? next
      : Math.max(previous, this.#floor, this.#nearest(measured, previous));
    const error = measured - index;
    this.#inStep += (Number(isNext) - this.#inStep) * STEP_WEIGHT;
    // A source of another rate lies off all the time, and that says nothing about drift.
    if (hasRate && Math.abs(error) <= tolerance) {
      this.#drift += error * AVERAGE_WEIGHT;
      if (Math.abs(this.#drift) > HYSTERESIS) {
        this.#turn = Math.sign(this.#drift);
        this.#drift -= this.#turn;
      }
    }
    this.#previous = index;
    return index;
  }

  /**
   * Forgets the source's drift: its clock was mapped anew. Places still never go back.
   * @param steady how the next frames lie, if it is known better than by their own jittered times
   */
  restart(steady?: Steady): void {
    const beginning = Math.round(steady?.beginning ?? 0);
    if (steady !== undefined && beginning > (this.#previous ?? 0)) {
      this.#floor = this.#previous ?? this.#floor;
      this.#previous = beginning - steady.stride;
    }
    this.#stride = steady?.stride ?? this.#stride;
    this.#drift = 0;
    this.#inStep = 1;
    this.#count = 0;
  }

  /** The place for a frame that does not lie where the next is expected: some strides on, or wherever it falls. */
  #nearest(measured: number, previous: number): number {
    const strides = Math.round((measured - previous) / this.#stride);
    const index = previous + strides * this.#stride;
    return Math.abs(measured - index) < 1 ? index : Math.round(measured);
  }

  /** Learns the stride. @returns whether the source's rate is the grid's, or a whole part of it */
  #followRate(position: number): boolean {
    const last = this.#recent[(this.#count - 1) % RATE_FRAMES];
    if (this.#count > 0 && last !== undefined && position - last > HOLE * this.#stride) {
      this.#count = 0;
    }
    const slot = this.#count % RATE_FRAMES;
    const before = this.#recent[slot];
    const isFull = this.#count >= RATE_FRAMES;
    this.#recent[slot] = position;
    this.#count += 1;
    const changed = this.#changedStride(position);
    if (changed !== undefined) {
      this.#stride = changed;
      this.#recent[0] = position;
      this.#count = 1;
      return true;
    }
    if (!isFull || before === undefined) {
      return true;
    }
    const mean = (position - before) / RATE_FRAMES;
    const stride = Math.max(1, Math.round(mean));
    const hasRate = Math.abs(mean / stride - 1) < SAME_RATE;
    this.#stride = hasRate ? stride : 1;
    return hasRate;
  }

  /** The stride of the last few steps, if they agree on another. */
  #changedStride(position: number): number | undefined {
    if (this.#count <= STRIDE_STEPS) {
      return undefined;
    }
    const at = (back: number): number =>
      this.#recent[(this.#count - 1 - back) % RATE_FRAMES] ?? Number.NaN;
    const stride = Math.max(1, Math.round((position - at(STRIDE_STEPS)) / STRIDE_STEPS));
    if (stride === this.#stride) {
      return undefined;
    }
    for (let back = 0; back < STRIDE_STEPS; back += 1) {
      if (Math.abs(at(back) - at(back + 1) - stride) > STRIDE_STEP) {
        return undefined;
      }
    }
    return stride;
  }
}
