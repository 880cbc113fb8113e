/** Coded samples of one rendition as fragments, each as soon as its last sample is there: the grid knows how long it lasts. */
import { mediaFragment, type Sample } from '#common/mp4/write';

/** A fragment of a segment. */
export interface MadeFragment {
  /** Its number within the segment, from 0. */
  readonly k: number;
  readonly bytes: Buffer;
}

/** See the head of this file. */
export class FragmentWriter {
  readonly #sizes: readonly number[];
  #decodeTime: number;
  #k = 0;
  #samples: Sample[] = [];

  /**
   * @param decodeTime of the segment's first sample, in the track's timescale
   * @param sizes samples in each of its fragments
   */
  constructor(decodeTime: number, sizes: readonly number[]) {
    this.#decodeTime = decodeTime;
    this.#sizes = sizes;
  }

  /** Whether the segment has all its fragments. */
  get isWhole(): boolean {
    return this.#k === this.#sizes.length;
  }

  /** Adds a sample; what comes after the segment's last is left out. */
  push(sample: Sample): MadeFragment | undefined {
    const size = this.#sizes[this.#k];
    if (size === undefined) {
      return undefined;
    }
    this.#samples.push(sample);
    if (this.#samples.length < size) {
      return undefined;
    }
    const samples = this.#samples;
    const run = { trackId: 1, decodeTime: this.#decodeTime, samples };
    const fragment = { k: this.#k, bytes: mediaFragment(this.#k + 1, [run]).bytes };
    this.#decodeTime += samples.reduce((sum, { duration }) => sum + duration, 0);
    this.#samples = [];
    this.#k += 1;
    return fragment;
  }
}
