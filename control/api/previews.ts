/** Preview pictures, fetched from the origin for the control room: its pages then need to load from nowhere else. */
import { LRUCache } from 'lru-cache';
import { PipelineError } from '#common/errors';
import { deliveryPath } from '#common/contracts/delivery';
import type { ServiceRecord } from '#common/contracts/status';

/** Real milliseconds for which one answer serves everybody who looks. */
const FRESH_MS = 1_000;
const DEADLINE_MS = 3_000;
const MOST_BYTES = 1024 * 1024;
const MOST_CHANNELS = 100;

/** See the head of this file. */
export class Previews {
  readonly #services: () => Promise<readonly ServiceRecord[]>;
  readonly #kept = new LRUCache<string, Promise<Buffer>>({ max: MOST_CHANNELS, ttl: FRESH_MS });

  constructor(services: () => Promise<readonly ServiceRecord[]>) {
    this.#services = services;
  }

  /**
   * The newest picture of a channel, a JPEG.
   * @throws PipelineError `NOT_FOUND` when there is none
   */
  async latest(channel: string): Promise<Buffer> {
    const kept = this.#kept.get(channel) ?? this.#fetch(channel);
    this.#kept.set(channel, kept, { noUpdateTTL: true });
    return kept;
  }

  async #fetch(channel: string): Promise<Buffer> {
    const origin = (await this.#services()).find(({ service }) => service === 'aggregator');
    if (origin === undefined) {
      throw new PipelineError('NOT_FOUND', 'no origin is running');
    }
    const missing = (cause?: unknown): PipelineError =>
      new PipelineError('NOT_FOUND', `channel ${channel} has no preview`, { cause });
    try {
      const answer = await fetch(new URL(deliveryPath({ kind: 'preview', channel }), origin.url), {
        signal: AbortSignal.timeout(DEADLINE_MS),
        redirect: 'error',
      });
      const size = Number(answer.headers.get('content-length') ?? Infinity);
      if (answer.status !== 200 || size > MOST_BYTES) {
        await answer.body?.cancel();
        throw missing();
      }
      return Buffer.from(await answer.arrayBuffer());
    } catch (error) {
      throw missing(error);
    }
  }
}
