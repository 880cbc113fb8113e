/**
 * Raw frames whose memory is used again. A 720p frame is 1.4 MB: made anew thirty times a second they had V8 mark the whole
 * heap every other second, which took as much CPU as all else that a worker's own process does.
 */
import type { ReadInto } from '../ffmpeg/process.ts';

/** A raw frame; its bytes stay what they are for as long as somebody holds it. */
export interface RawFrame {
  readonly data: Buffer;
  /** It is needed by one more. */
  readonly hold: () => void;
  /** Whoever held it does not need it any more. */
  readonly release: () => void;
}

/** A frame that lives for as long as anybody refers to it. */
export const lastingFrame = (data: Buffer): RawFrame => ({
  data,
  hold: () => undefined,
  release: () => undefined,
});

/** Frames kept for what comes next: more are only in use while a worker waits for what is shown, or catches up. */
const MOST_FREE = 16;

/** Frames of one size. */
export class FramePool {
  readonly #bytes: number;
  readonly #free: Buffer[] = [];

  /** @param bytes of a frame */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** A frame with whatever bytes, held once. */
  take(): RawFrame {
    const data = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
    let holders = 1;
    return {
      data,
      hold: () => {
        if (holders === 0) {
          throw new RangeError('a frame that was released is not there any more');
        }
        holders += 1;
      },
      release: () => {
        if (holders === 0) {
          throw new RangeError('a frame was released more often than it was held');
        }
        holders -= 1;
        if (holders === 0 && this.#free.length < MOST_FREE) {
          this.#free.push(data);
        }
      },
    };
  }
}

/** Puts raw frames together from bytes as they come, straight into the memory where they stay. */
export class FrameAssembly implements ReadInto {
  readonly #pool: FramePool;
  readonly #onFrame: (frame: RawFrame) => void;
  #frame: RawFrame | undefined;
  #filled = 0;

  /**
   * @param bytes of a frame
   * @param onFrame is handed each whole frame to hold: it releases it
   */
  constructor(bytes: number, onFrame: (frame: RawFrame) => void) {
    this.#pool = new FramePool(bytes);
    this.#onFrame = onFrame;
  }

  /** What the frame at hand lacks. */
  space(): Uint8Array {
    this.#frame ??= this.#pool.take();
    return this.#frame.data.subarray(this.#filled);
  }

  /** So many bytes of it have come. */
  taken(bytes: number): void {
    this.#filled += bytes;
    const frame = this.#frame;
    if (frame !== undefined && this.#filled === frame.data.byteLength) {
      this.#frame = undefined;
      this.#filled = 0;
      this.#onFrame(frame);
    }
  }
}
