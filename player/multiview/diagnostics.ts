/**
 * `window.__multiview`: a diagnostic hook for tests and for people who report a problem. Nothing in the page depends on
 * it, and it changes nothing.
 */
import type { EngineName } from '../engine.ts';
import type { SessionState } from '../session.ts';
import type { CommonDistance } from './common-distance.ts';
import type { SoundDesk } from './sound-desk.ts';
import type { Stage } from './stage.ts';
import type { Tile } from './tile.ts';

/** Figures of this moment; times in seconds. */
export interface MultiviewStats {
  readonly tiles: readonly {
    readonly channel: string;
    readonly state: SessionState;
    readonly engine: EngineName | undefined;
    /** Between the edge's clock and the picture. */
    readonly latency: number | undefined;
    readonly currentTime: number;
    readonly rate: number;
    /** Of the picture on the screen, in pixels of the media. */
    readonly height: number;
    readonly frames: number;
    readonly droppedFrames: number;
    readonly lastError: string | undefined;
  }[];
  /** The tile that is chosen, from 0. */
  readonly chosen: number;
  readonly isLarge: boolean;
  readonly isSoundOn: boolean;
  /** Between the edge's clock and the sound. */
  readonly soundLatency: number | undefined;
  /** The distance that all hold. */
  readonly distance: number;
}

/** See the head of this file. */
export interface MultiviewDiagnostics {
  readonly stats: () => MultiviewStats;
}

declare global {
  interface Window {
    __multiview?: MultiviewDiagnostics;
  }
}

/** What it looks at. */
export interface Looked {
  readonly tiles: readonly Tile[];
  readonly stage: Stage;
  readonly desk: SoundDesk;
  readonly distance: CommonDistance;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Puts the hook in place. */
export function exposeMultiview({ tiles, stage, desk, distance, now }: Looked): void {
  window.__multiview = {
    stats: () => ({
      tiles: tiles.map(({ channel, session, video, pictureTime }) => {
        const quality = video.getVideoPlaybackQuality();
        const picture = pictureTime();
        return {
          channel,
          state: session.state,
          engine: session.engine?.name,
          latency: picture === undefined ? undefined : (now() - picture) / 1000,
          currentTime: video.currentTime,
          rate: video.playbackRate,
          height: video.videoHeight,
          frames: quality.totalVideoFrames,
          droppedFrames: quality.droppedVideoFrames,
          lastError: session.lastError,
        };
      }),
      chosen: stage.chosen(),
      isLarge: stage.isLarge(),
      isSoundOn: desk.isOn(),
      soundLatency: latencyOf(desk.time(), now()),
      distance: distance.value,
    }),
  };
}

const latencyOf = (time: number | undefined, now: number): number | undefined =>
  time === undefined ? undefined : now / 1000 - time;
