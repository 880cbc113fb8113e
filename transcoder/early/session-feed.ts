/** One session as a worker follows it: its pictures decoded as they come, its sound at hand, from its hot stream. */
import type { AudioFrame } from '#common/contracts/frame';
import { redisKeys } from '#common/contracts/names';
import { toPipelineError } from '#common/errors';
import { hotFrameOf, hotIdBefore } from '#common/hot-frames';
import type { Logger } from '#common/logger';
import type { StreamEntry, StreamFollower } from '#common/stream-follower';
import type { SamplePosition } from '#common/time';
import { SessionPictures, type SessionPicturesDeps } from './session-pictures.ts';

/** What following needs. */
export interface SessionFeedDeps extends SessionPicturesDeps {
  readonly follower: StreamFollower;
  readonly logger: Logger;
}

/** AAC frames kept: some ten seconds. */
const MOST_SOUND = 600;
/** Sound that is decoded with the first picture may have come so many frames before it. */
const SOUND_BEFORE = 150;

const keyOf = (origin: SamplePosition, k: number): string => `${origin}/${k}`;

/** See the head of this file. */
export class SessionFeed {
  readonly #pictures: SessionPictures;
  readonly #sound = new Map<string, AudioFrame>();
  readonly #deps: SessionFeedDeps;
  readonly #fromSeq: number;
  readonly #stopFollowing: () => void;

  /** @param fromSeq the start point that decoding begins with, or before it */
  constructor(channel: string, session: string, fromSeq: number, deps: SessionFeedDeps) {
    this.#deps = deps;
    this.#fromSeq = fromSeq;
    this.#pictures = new SessionPictures(deps);
    this.#stopFollowing = deps.follower.follow(
      redisKeys.hotFrames(channel, session),
      hotIdBefore(Math.max(0, fromSeq - SOUND_BEFORE)),
      (entries) => {
        for (const entry of entries) {
          this.#take(entry);
        }
        deps.onChange();
      },
    );
  }

  /**
   * Whether it has what follows a start point.
   * @param picture seq of the first picture that is needed; undefined where only sound is
   */
  covers(fromSeq: number, picture: number | undefined): boolean {
    return this.#fromSeq <= fromSeq && (picture === undefined || this.#pictures.mayHave(picture));
  }

  /** Its decoded pictures. */
  get pictures(): SessionPictures {
    return this.#pictures;
  }

  /** A frame of a run, if it has come and is not long past. */
  sound(origin: SamplePosition, k: number): AudioFrame | undefined {
    return this.#sound.get(keyOf(origin, k));
  }

  /** Nobody needs it any more. */
  async close(): Promise<void> {
    this.#stopFollowing();
    await this.#pictures.close();
  }

  #take({ id, fields }: StreamEntry): void {
    try {
      const frame = hotFrameOf(id, fields);
      if (frame.kind === 'video') {
        this.#pictures.feed(frame);
        return;
      }
      this.#sound.set(keyOf(frame.origin, frame.k), frame);
      const oldest = this.#sound.keys().next();
      if (this.#sound.size > MOST_SOUND && oldest.done !== true) {
        this.#sound.delete(oldest.value);
      }
    } catch (error) {
      this.#deps.logger.warn(
        { id, error: toPipelineError(error) },
        'hot frame unreadable, left out',
      );
    }
  }
}
