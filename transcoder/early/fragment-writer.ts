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
  #k: number;
  #samples: Sample[] = [];

  /**
   * @param decodeTime of the first sample that comes, in the track's timescale
   * @param sizes samples in each of the segment's fragments, up to the last that is written
   * @param first the first fragment that is written
   */
  constructor(decodeTime: number, sizes: readonly number[], first = 0) {
    this.#decodeTime = decodeTime;
    this.#sizes = sizes;
    this.#k = first;
  }

  /** Whether all fragments are out. */
  get isWhole(): boolean {
    return this.#k === this.#sizes.length;
  }

  /** Adds a sample; what comes after the last fragment is left out. */
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
