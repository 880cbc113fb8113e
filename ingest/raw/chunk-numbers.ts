/**
 * Which raw chunk keeps the next frame. Picture decides, by its decode time; sound goes with it, in order of arrival,
 * unless no picture has come for a second of sound. Numbers never go back, so a chunk is one stretch of the session.
 */
import { SAMPLE_RATE, type Grid } from '#common/grid';
import { greatest, segmentNumber, type SegmentNumber } from '#common/time';

/** How far sound may run ahead of the last picture before it decides by itself, in 48 kHz samples. */
const LEAD = SAMPLE_RATE;

/** See the head of this file. */
export class ChunkNumbers {
  readonly #grid: Grid;
  #current: SegmentNumber | undefined;
  /** 48 kHz position of the last picture. */
  #picture: number | undefined;

  constructor(grid: Grid) {
    this.#grid = grid;
  }

  /** @param dts decode time in grid ticks */
  ofPicture(dts: number): SegmentNumber {
    const { frameTicks, segmentFrames, segmentSamples } = this.#grid;
    const segments = dts / (frameTicks * segmentFrames);
    this.#picture = segments * segmentSamples;
    return this.#advance(segmentNumber(Math.floor(segments)));
  }

  /** @param position of the frame's first sample, at 48 kHz */
  ofSound(position: number): SegmentNumber {
    const n = segmentNumber(Math.floor(position / this.#grid.segmentSamples));
    const isAlone = this.#picture === undefined || position - this.#picture > LEAD;
    return isAlone || this.#current === undefined ? this.#advance(n) : this.#current;
  }

  /** The next frame begins a chunk of its own, whose header says what is known by now. */
  breakHere(): void {
    this.#current = this.#current === undefined ? undefined : segmentNumber(this.#current + 1);
  }

  #advance(n: SegmentNumber): SegmentNumber {
    this.#current = greatest(this.#current ?? n, n);
    return this.#current;
  }
}
