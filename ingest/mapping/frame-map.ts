/**
 * Gives each frame of a session its place on the grid, in presentation order, with hysteresis.
 *
 * A frame takes the place after the one before it until it lies more than 0.75 of a frame off. What it is measured
 * against is not the grid itself but the grid moved by a slow average of the frames' errors, so that jitter has the
 * whole 0.75 to itself however far the source's clock has drifted; when that average passes 0.75, one frame is given
 * up, once. Plain rounding would flap between two places for as long as a drifting source crosses a border.
 */

/** How far from the next place a frame may lie, in frames, and still take it. */
const HYSTERESIS = 0.75;
/** Weight of one frame in the slow average: some 3 s at 30 frames a second. */
const AVERAGE_WEIGHT = 1 / 96;
/** Weight of one frame in the measure of how many frames follow the grid one by one. */
const STEP_WEIGHT = 1 / 64;
/** Frames over which the source's rate is compared with the grid's, and how far it may be off, jitter included. */
const RATE_FRAMES = 64;
const SAME_RATE = 0.05;

/** See the head of this file. */
export class FrameMap {
  #previous: number | undefined;
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
    const hasRate = this.#hasGridRate(position);
    const measured = position - this.#drift;
    const previous = this.#previous;
    if (previous === undefined) {
      this.#previous = Math.round(measured);
      return this.#previous;
    }
    const next = previous + 1 + this.#turn;
    this.#turn = 0;
    const isNext = Math.abs(measured - next) <= HYSTERESIS;
    const index = isNext ? next : Math.max(previous, Math.round(measured));
    const error = measured - index;
    this.#inStep += (Number(isNext) - this.#inStep) * STEP_WEIGHT;
    // A source of another rate lies off all the time, and that says nothing about drift.
    if (hasRate && Math.abs(error) <= HYSTERESIS) {
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
   * @param beginning where the next frame should lie, if it is known better than by its own jittered time
   */
  restart(beginning?: number): void {
    if (beginning !== undefined && Math.round(beginning) > (this.#previous ?? 0)) {
      this.#previous = Math.round(beginning) - 1;
    }
    this.#drift = 0;
    this.#inStep = 1;
    this.#count = 0;
  }

  #hasGridRate(position: number): boolean {
    const slot = this.#count % RATE_FRAMES;
    const before = this.#recent[slot];
    this.#recent[slot] = position;
    this.#count += 1;
    return (
      this.#count <= RATE_FRAMES ||
      (before !== undefined && Math.abs((position - before) / RATE_FRAMES - 1) < SAME_RATE)
    );
  }
}
