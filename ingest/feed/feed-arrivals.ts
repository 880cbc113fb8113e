/**
 * What of a feed arrives and what does not, as warnings: one for one cause. A feed that has stalled is not told that its
 * sound is missing, and one without pictures nothing about keyframes. Pure.
 */
import type { Warning } from '#common/contracts/status';
import { keyframeWarnings } from './feed-warnings.ts';
import { KeyframeInterval } from './keyframe-interval.ts';

/** Without a message for so long something is missing, milliseconds. */
const MISSING = 3000;

/** Which tracks can be decoded by what has come. */
export interface FeedHeaders {
  /** SPS and PPS. */
  readonly picture: boolean;
  /** AudioSpecificConfig. */
  readonly sound: boolean;
}

/** The messages of one track, by the milliseconds of their arrival. */
class Track {
  #first: number | undefined;
  #newest: number | undefined;

  /** Whether a message has ever come. */
  get isKnown(): boolean {
    return this.#newest !== undefined;
  }

  add(at: number): void {
    this.#first ??= at;
    this.#newest = at;
  }

  /** Leaves time out in which nothing at all came. */
  skip(time: number): void {
    this.#first = this.#first === undefined ? undefined : this.#first + time;
    this.#newest = this.#newest === undefined ? undefined : this.#newest + time;
  }

  /** Milliseconds since the newest message, or since `started`. */
  quiet(now: number, started: number): number {
    return now - (this.#newest ?? started);
  }

  /** Milliseconds since the first message. */
  age(now: number): number {
    return now - (this.#first ?? now);
  }
}

const seconds = (time: number): string => (time / 1000).toFixed(1);

/** See the head of this file. Times are milliseconds of arrival. */
export class FeedArrivals {
  readonly #keyframes = new KeyframeInterval();
  readonly #picture = new Track();
  readonly #sound = new Track();
  #started: number | undefined;
  #newest: number | undefined;

  /** Seconds between the last two keyframes. */
  get keyframeSeconds(): number | null {
    return this.#keyframes.seconds;
  }

  /** A picture came, decodable or not. @param timestamp its own, milliseconds of 32 bits */
  picture(at: number, timestamp: number, isStart: boolean): void {
    this.#resume(at);
    this.#picture.add(at);
    this.#keyframes.add(timestamp, isStart);
  }

  /** Sound came, decodable or not. */
  sound(at: number): void {
    this.#resume(at);
    this.#sound.add(at);
  }

  /** What does not arrive at `now`. */
  read(now: number, headers: FeedHeaders): Warning[] {
    const started = (this.#started ??= now);
    const quiet = now - (this.#newest ?? started);
    if (quiet > MISSING) {
      const message = `no pictures and no sound have come for ${seconds(quiet)} s: check the encoder and its network`;
      return [{ code: 'FEED_STALLED', message }];
    }
    return [
      ...this.#pictureWarnings(now, started, headers.picture),
      ...this.#soundWarnings(now, started, headers.sound),
    ];
  }

  #pictureWarnings(now: number, started: number, hasHeader: boolean): Warning[] {
    const quiet = this.#picture.quiet(now, started);
    if (quiet > MISSING) {
      const since = this.#picture.isKnown ? `have come for ${seconds(quiet)} s` : 'come';
      const message = `no pictures ${since}, only sound: check the camera and the encoder's video source`;
      return [{ code: 'NO_VIDEO', message }];
    }
    if (hasHeader) {
      const { open, seconds: measured } = this.#keyframes;
      return keyframeWarnings(measured ?? 0, open);
    }
    this.#keyframes.restart();
    if (this.#picture.age(now) <= MISSING) {
      return [];
    }
    const message =
      'pictures come, but not their header (AVC sequence header with SPS and PPS), so they cannot be decoded: stop and start the stream in the encoder';
    return [{ code: 'VIDEO_HEADER_MISSING', message }];
  }

  #soundWarnings(now: number, started: number, hasHeader: boolean): Warning[] {
    const quiet = this.#sound.quiet(now, started);
    if (quiet > MISSING) {
      const message = this.#sound.isKnown
        ? `no sound has come for ${seconds(quiet)} s: check the encoder's sound source`
        : 'the feed has no sound';
      return [{ code: 'NO_AUDIO', message }];
    }
    if (hasHeader || this.#sound.age(now) <= MISSING) {
      return [];
    }
    const message =
      'sound comes, but not its header (AAC sequence header with AudioSpecificConfig), so it cannot be decoded: stop and start the stream in the encoder';
    return [{ code: 'AUDIO_HEADER_MISSING', message }];
  }

  /** After a stall neither track is late for what the other has sent first. */
  #resume(at: number): void {
    this.#started ??= at;
    const quiet = at - (this.#newest ?? this.#started);
    if (quiet > MISSING) {
      this.#started += quiet;
      this.#picture.skip(quiet);
      this.#sound.skip(quiet);
    }
    this.#newest = at;
  }
}
