/**
 * Where playback stands, and where it should: it joins, holds its distance from the clock, is woken when it stands with
 * something to play, goes back, and returns to live.
 */
import type { Company } from '../company.ts';
import { paceOf } from './pace.ts';
import { rangeAt, startAfter, type Ranges } from './ranges.ts';

/** Of an `HTMLVideoElement`, what is needed. */
export interface Video {
  currentTime: number;
  playbackRate: number;
  readonly readyState: number;
  readonly paused: boolean;
  readonly seeking: boolean;
  readonly ended: boolean;
  readonly buffered: Ranges;
  readonly addEventListener: (
    type: 'pause' | 'play',
    listener: () => void,
    options: { readonly signal: AbortSignal },
  ) => void;
}

/** What it works on. Seconds; media time is the time of the shared clock. */
export interface PlayheadOptions {
  readonly video: Video;
  /** Nobody sees the page. */
  readonly isHidden: () => boolean;
  readonly now: () => number;
  /** Where whoever is live is to be. */
  readonly live: () => number;
  /** Media in hand that the browser wants to go on with. */
  readonly margin: number;
  /** What it plays where others are to show the same frame; undefined: it plays alone. */
  readonly inCompany?: Company['track'] | undefined;
}

/** HTML §4.8.11.7. */
const HAVE_METADATA = 1;
const HAVE_FUTURE_DATA = 3;
/** Whoever is less behind when he plays on is taken to where live is; others stay where they were. */
const LIVE_TOLERANCE = 4;
/** Playback begins so much later than wished rather than wait for what will not come. */
const NEAR = 0.1;
/** Playback that stands for so long with something to play is woken by a seek. */
const STUCK = 0.2;
const WAKE_AGAIN = 0.6;

/** See the head of this file. */
export class Playhead {
  readonly #options: PlayheadOptions;
  #isLive = true;
  #hasEnded = false;
  /** Where playback is to begin once there is something to play; `live` where the clock says. */
  #wanted: number | 'live' | undefined = 'live';
  #stuckSince: number | undefined;
  #wokenAt = 0;
  #wasPausedHidden = false;

  /** @param signal it lets go of the element */
  constructor(options: PlayheadOptions, signal: AbortSignal) {
    this.#options = options;
    const { video } = options;
    video.addEventListener(
      'pause',
      () => {
        // Browsers pause what nobody sees; that is no wish to stay there.
        this.#wasPausedHidden = options.isHidden();
      },
      { signal },
    );
    video.addEventListener(
      'play',
      () => {
        this.#onPlay();
      },
      { signal },
    );
  }

  /** Whether it is held at a distance from the clock. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** Whether playback has not begun where it should yet. */
  get isJoining(): boolean {
    return this.#wanted !== undefined;
  }

  /** What is played now, or is to be played first. */
  get position(): number {
    if (this.#wanted === undefined) {
      return this.#options.video.currentTime;
    }
    return this.#wanted === 'live' ? this.#options.live() : this.#wanted;
  }

  /**
   * Goes to a time, or to live if it is near.
   * @returns whether that is in hand; if not, media are to be read from {@link position} on
   */
  seek(time: number): boolean {
    const { video, live } = this.#options;
    this.#isLive = !this.#hasEnded && time > live() - LIVE_TOLERANCE / 2;
    const target = this.#isLive ? live() : time;
    if (rangeAt(video.buffered, target) === undefined) {
      this.#wanted = this.#isLive ? 'live' : time;
      return false;
    }
    this.#wanted = undefined;
    this.#go(target);
    return true;
  }

  /** All that was in hand is gone: playback begins where it was, or at live. */
  rejoin(): void {
    this.#wanted = this.#isLive ? 'live' : this.position;
  }

  /** Nothing more comes: there is no clock to follow. */
  end(): void {
    this.#isLive = false;
    this.#hasEnded = true;
    this.#options.video.playbackRate = 1;
    // Live is where it ends from now on.
    this.#wanted = this.#wanted === undefined ? undefined : this.position;
  }

  /** To be called some times a second, and when something has come. */
  tick(): void {
    this.#join();
    this.#keepPace();
    this.#wake();
  }

  #go(time: number): void {
    const { video } = this.#options;
    video.currentTime = time;
    video.playbackRate = 1;
    this.#stuckSince = undefined;
  }

  #join(): void {
    const { video } = this.#options;
    if (this.#wanted === undefined || video.readyState < HAVE_METADATA) {
      return;
    }
    const wanted = this.position;
    const later = startAfter(video.buffered, wanted);
    const start =
      rangeAt(video.buffered, wanted) !== undefined
        ? wanted
        : later !== undefined && later - wanted < NEAR
          ? later
          : undefined;
    if (start !== undefined) {
      this.#wanted = undefined;
      this.#go(start);
    }
  }

  #keepPace(): void {
    const { video, live, inCompany } = this.#options;
    if (!this.#isLive || this.#wanted !== undefined || video.paused || video.seeking) {
      return;
    }
    const target = live();
    const ahead = (rangeAt(video.buffered, target)?.end ?? target) - target;
    const isStarving = rangeAt(video.buffered, video.currentTime) === undefined;
    const pace = paceOf(target - video.currentTime, {
      rate: video.playbackRate,
      ahead,
      isStarving,
      inCompany,
    });
    if (pace.kind === 'jump') {
      this.#go(target);
    } else if (pace.rate !== video.playbackRate) {
      video.playbackRate = pace.rate;
    }
  }

  /** Playback that stands although there is something to play: behind a hole, or before a start point that came late. */
  #wake(): void {
    const { video, now, live, margin } = this.#options;
    const stands =
      !video.paused &&
      !video.ended &&
      this.#wanted === undefined &&
      video.readyState < HAVE_FUTURE_DATA;
    if (!stands) {
      this.#stuckSince = undefined;
      return;
    }
    this.#stuckSince ??= now();
    if (now() - this.#stuckSince < STUCK || now() - this.#wokenAt < WAKE_AGAIN) {
      return;
    }
    const range = rangeAt(video.buffered, video.currentTime);
    const later = startAfter(video.buffered, video.currentTime);
    if (range !== undefined && range.end - video.currentTime > margin) {
      video.currentTime += 0.001;
    } else if (later !== undefined && (!this.#isLive || later <= live() + margin)) {
      video.currentTime = later + 0.001;
    } else {
      return;
    }
    this.#wokenAt = now();
  }

  #onPlay(): void {
    const { video, live } = this.#options;
    const isFar = live() - video.currentTime > LIVE_TOLERANCE;
    if (this.#wanted === undefined && isFar && !this.#wasPausedHidden) {
      this.#isLive = false;
    }
  }
}
