/** Where the viewer is in what can be watched, and the moves within it. */
import { Following } from './following.ts';
import type { Session } from './session.ts';
import { isAtLive, type Stretch } from './timeline.ts';
import { Wish } from './wish.ts';

/** See the head of this file. */
export interface Position {
  /** What can be watched now; undefined while nothing plays. Live, it ends where live is. */
  readonly stretch: () => Stretch | undefined;
  readonly isAtLive: () => boolean;
  /** Seconds between the clock and the picture; undefined when not live or not known. */
  readonly latency: () => number | undefined;
  /** Seconds from the picture to the live position. */
  readonly behind: () => number;
  readonly seekTo: (time: number) => void;
  readonly seekBy: (seconds: number) => void;
  readonly goLive: () => void;
}

const LOOK_MS = 1_000;

/** Makes the page's view of time, and keeps who is to be live there. */
export function createPosition(
  video: HTMLVideoElement,
  session: Session,
  now: () => number,
): Position {
  const stretch = (): Stretch | undefined => {
    const range = session.engine?.seekable();
    if (range === undefined) {
      return undefined;
    }
    const live = session.isLive ? session.engine?.livePosition() : undefined;
    return { start: range.start, end: Math.max(range.start, live ?? range.end) };
  };
  const behind = (): number => Math.max(0, (stretch()?.end ?? 0) - video.currentTime);
  const wish = new Wish(now);
  const following = new Following();
  video.addEventListener('seeked', () => {
    wish.arrived(video.currentTime);
  });
  const seekTo = (time: number): void => {
    const range = stretch();
    if (range !== undefined) {
      const within = Math.min(range.end, Math.max(range.start, time));
      wish.ask(within);
      following.sought(range.end - within);
      session.engine?.seek(within);
    }
  };
  setInterval(() => {
    // Our own engine holds its distance by itself.
    const isHeld = !session.isLive || session.engine?.name === 'engine';
    const live = isHeld ? undefined : session.engine?.livePosition();
    // One that stands still has media to wait for, or is started anew: to seek would look like going on.
    const isGoingOn = video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA && !video.seeking;
    const seen = {
      behind: live === undefined || !isGoingOn ? undefined : live - video.currentTime,
      isPaused: video.paused,
      now: now() / 1000,
    };
    if (following.isLeftBehind(seen)) {
      session.engine?.seek(live ?? video.currentTime);
    }
  }, LOOK_MS);
  return {
    stretch,
    behind,
    seekTo,
    isAtLive: () => {
      const range = stretch();
      return session.isLive && range !== undefined && isAtLive(video.currentTime, range.end);
    },
    latency: () => {
      const picture = session.isLive ? session.engine?.pictureTime() : undefined;
      return picture === undefined ? undefined : (now() - picture) / 1000;
    },
    seekBy: (seconds) => {
      seekTo(wish.from(video.currentTime) + seconds);
    },
    goLive: () => {
      const range = stretch();
      if (range !== undefined) {
        seekTo(range.end);
      }
      void video.play().catch(() => undefined);
    },
  };
}
