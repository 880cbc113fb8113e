/**
 * What one connection may send: a fixed amount until it publishes, then a rate. Chunks and messages cost more than
 * their bytes, so that floods of tiny ones end as soon as floods of large ones. Pure.
 */
import { PipelineError } from '#common/errors';
import { Allowance } from '../feed/allowance.ts';

/** Bytes, chunks and messages before the publish is accepted; publishers need some 4 kB and ten messages. */
const SETUP = { bytes: 256 << 10, chunks: 4096, messages: 128 };
/** What a chunk and a message cost beside their bytes. */
const CHUNK_COST = 32;
const MESSAGE_COST = 512;

/** See the head of this file. */
export class WireBudget {
  readonly #bitrate: number;
  readonly #now: () => number;
  readonly #setup = { ...SETUP };
  #allowance: Allowance | undefined;

  /**
   * @param bitrate bits a second once publishing, costs of chunks and messages included
   * @param now milliseconds
   */
  constructor(bitrate: number, now: () => number) {
    this.#bitrate = bitrate;
    this.#now = now;
  }

  /** From here on the rate counts. */
  publish(): void {
    this.#allowance ??= new Allowance(this.#bitrate / 8);
  }

  /** @throws OVERLOADED when they are too many */
  bytes(count: number): void {
    this.#take('bytes', count, count);
  }

  /** Takes one chunk. @throws OVERLOADED when they are too many */
  chunk(): void {
    this.#take('chunks', 1, CHUNK_COST);
  }

  /** Takes one message. @throws OVERLOADED when they are too many */
  message(): void {
    this.#take('messages', 1, MESSAGE_COST);
  }

  #take(unit: 'bytes' | 'chunks' | 'messages', count: number, cost: number): void {
    if (this.#allowance !== undefined) {
      if (!this.#allowance.take(cost, this.#now())) {
        throw new PipelineError('OVERLOADED', 'the connection is above the permitted rate');
      }
      return;
    }
    this.#setup[unit] -= count;
    if (this.#setup[unit] < 0) {
      throw new PipelineError('OVERLOADED', `more than ${SETUP[unit]} ${unit} before publishing`);
    }
  }
}
