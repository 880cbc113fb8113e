/** A publisher that stays: it sends a clip over and over in real time and connects again whenever it is cut off. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import {
  FLV_TAG,
  isEndOfSequence,
  isSequenceHeader,
  readFlv,
  type FlvTag,
} from '../helpers/flv.ts';
import { RtmpPublisher, type PublishTarget } from '../helpers/rtmp-publisher.ts';
import type { Clip } from '../helpers/sources.ts';

/** Encoders wait before they try again; OBS begins with a second or two. */
const RECONNECT_MS = 1_000;

/** See the head of this file. */
export class LoopingPublisher {
  readonly #heads: readonly FlvTag[];
  readonly #tags: readonly FlvTag[];
  readonly #loopMs: number;
  readonly #target: PublishTarget;
  readonly #stopped = new AbortController();
  readonly #startedAt = performance.now();
  readonly #running: Promise<void>;
  #publisher: RtmpPublisher | undefined;
  /** How often it was told that it is live. */
  connections = 0;

  private constructor(tags: readonly FlvTag[], loopMs: number, target: PublishTarget) {
    const isHead = (tag: FlvTag): boolean => tag.type === FLV_TAG.script || isSequenceHeader(tag);
    this.#heads = tags.filter(isHead);
    this.#tags = tags.filter((tag) => !isHead(tag) && !isEndOfSequence(tag));
    this.#loopMs = loopMs;
    this.#target = target;
    this.#running = this.#run();
  }

  /** Begins to publish, in the background. A clip of 16 s has whole pictures and whole AAC frames at 48 kHz. */
  static async start(clip: Clip, target: PublishTarget): Promise<LoopingPublisher> {
    const tags = readFlv(await readFile(clip.path));
    return new LoopingPublisher(tags, clip.seconds * 1000, target);
  }

  /** Says goodbye as encoders do. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
    await this.#publisher?.stop();
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        this.#publisher = await RtmpPublisher.publish(this.#target);
        this.connections += 1;
        await this.#send(this.#publisher);
      } catch {
        await delay(RECONNECT_MS, undefined, { signal: this.#stopped.signal }).catch(
          () => undefined,
        );
      }
    }
  }

  /** From the next keyframe on, as an encoder does that has gone on encoding meanwhile. */
  async #send(publisher: RtmpPublisher): Promise<void> {
    const origin = performance.now() - this.#startedAt;
    for (const head of this.#heads) {
      await publisher.send({ ...head, timestamp: 0 });
    }
    let hasBegun = false;
    for (let loop = Math.floor(origin / this.#loopMs); ; loop += 1) {
      for (const tag of this.#tags) {
        const at = loop * this.#loopMs + tag.timestamp;
        hasBegun ||= at >= origin && isKeyframe(tag);
        if (!hasBegun) {
          continue;
        }
        await this.#reach(at);
        if (this.#stopped.signal.aborted) {
          return;
        }
        if (publisher.isClosed) {
          throw new Error('cut off');
        }
        await publisher.send({ ...tag, timestamp: Math.max(0, Math.round(at - origin)) });
      }
    }
  }

  async #reach(at: number): Promise<void> {
    const wait = this.#startedAt + at - performance.now();
    if (wait > 1) {
      await delay(wait, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    }
  }
}

/** Adobe FLV E.4.3.1: frame type 1. */
const isKeyframe = (tag: FlvTag): boolean =>
  tag.type === FLV_TAG.video && (tag.data[0] ?? 0) >> 4 === 1;
