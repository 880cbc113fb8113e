/**
 * Where the samples of one segment's sound come from, as the leader tells it: pieces of runs and silence, one after another,
 * from the first sample that the encoder is fed to the last. Pure.
 */
import type { ShownEntry, ShownSound } from '#common/contracts/early-task';
import { greatest, least, type SamplePosition } from '#common/time';

/** A stretch of one unbroken run of AAC frames. It grows for as long as it is the last piece. */
export interface RunPiece {
  readonly kind: 'run';
  /** As it was first told: from where, and the first AAC frame needed. */
  readonly span: ShownSound;
  readonly from: SamplePosition;
  to: SamplePosition;
  /** The last AAC frame told for it. */
  lastK: number;
}

/** Nothing was heard here. */
export interface SilencePiece {
  readonly kind: 'silence';
  readonly from: SamplePosition;
  to: SamplePosition;
}

/** A stretch of the encoder's input, 48 kHz positions. */
export type LinePiece = RunPiece | SilencePiece;

/** See the head of this file. */
export class SoundLine {
  readonly #stop: SamplePosition;
  readonly #pieces: LinePiece[] = [];
  #at: SamplePosition;

  /** Of samples `[from, stop)`. */
  constructor(from: SamplePosition, stop: SamplePosition) {
    this.#at = from;
    this.#stop = stop;
  }

  /** In order; the last one may still grow unless the line {@link isWhole}. */
  get pieces(): readonly LinePiece[] {
    return this.#pieces;
  }

  /** Whether everything is told. */
  get isWhole(): boolean {
    return this.#at >= this.#stop;
  }

  /** Takes an entry about sound. */
  tell({ to, spans }: Extract<ShownEntry, { t: 'sound' }>): void {
    for (const span of spans) {
      const end = least(span.to, this.#stop);
      if (end > greatest(this.#at, span.from)) {
        this.#silenceUpTo(span.from);
        this.#add(span, end);
      }
    }
    this.#silenceUpTo(to);
  }

  #add(span: ShownSound, to: SamplePosition): void {
    const last = this.#pieces.at(-1);
    if (last?.kind === 'run' && goesOn(last, span)) {
      last.to = to;
      last.lastK = Math.max(last.lastK, span.lastK);
    } else {
      this.#pieces.push({ kind: 'run', span, from: this.#at, to, lastK: span.lastK });
    }
    this.#at = to;
  }

  #silenceUpTo(position: SamplePosition): void {
    const to = least(position, this.#stop);
    if (to <= this.#at) {
      return;
    }
    const last = this.#pieces.at(-1);
    if (last?.kind === 'silence') {
      last.to = to;
    } else {
      this.#pieces.push({ kind: 'silence', from: this.#at, to });
    }
    this.#at = to;
  }
}

const goesOn = (piece: RunPiece, span: ShownSound): boolean =>
  piece.to === span.from && isOfRun(piece.span, span);

/** Whether two stretches are of one run. */
export const isOfRun = (one: ShownSound, other: ShownSound): boolean =>
  one.session === other.session &&
  one.origin === other.origin &&
  one.rate === other.rate &&
  one.channels === other.channels;
