/**
 * `window.__touchline`: a diagnostic hook for tests and for people who report a problem. Nothing in the page
 * depends on it, and it changes nothing.
 */
import type { Edges } from './edges.ts';
import { shorterEdge, type EngineName } from './engine.ts';
import type { Position } from './position.ts';
import type { Session, SessionState } from './session.ts';

/** Figures of this moment; times in seconds. */
export interface Stats {
  readonly broadcast: number | undefined;
  /** Base address of the edge in use. */
  readonly edge: string;
  readonly engineVersion: string | undefined;
  readonly currentTime: number;
  readonly paused: boolean;
  readonly muted: boolean;
  /** Between the edge's clock and the picture. */
  readonly latency: number | undefined;
  readonly isAtLive: boolean;
  readonly seekableStart: number | undefined;
  readonly seekableEnd: number | undefined;
  readonly bufferAhead: number;
  readonly width: number;
  readonly height: number;
  readonly qualities: readonly number[];
  readonly chosen: string;
  readonly bandwidthBps: number | undefined;
  readonly frames: number;
  readonly droppedFrames: number;
  /** Times the picture waited after it had begun. */
  readonly stalls: number;
  readonly lastError: string | undefined;
}

/** See the head of this file. */
export interface Diagnostics {
  readonly engine: EngineName | undefined;
  readonly state: SessionState;
  readonly stats: () => Stats;
}

declare global {
  interface Window {
    __touchline?: Diagnostics;
  }
}

/** Puts the hook in place. */
export function exposeDiagnostics(
  video: HTMLVideoElement,
  session: Session,
  position: Position,
  edges: Pick<Edges, 'current'>,
): void {
  let stalls = 0;
  video.addEventListener('waiting', () => {
    // A seek waits too, and so does a start.
    if (!video.seeking && session.state === 'live') {
      stalls += 1;
    }
  });
  window.__touchline = {
    get engine() {
      return session.engine?.name;
    },
    get state() {
      return session.state;
    },
    stats: () => {
      const range = position.stretch();
      const quality = video.getVideoPlaybackQuality();
      return {
        broadcast: session.broadcast,
        edge: edges.current(),
        engineVersion: session.engine?.version,
        currentTime: video.currentTime,
        paused: video.paused,
        muted: video.muted,
        latency: position.latency(),
        isAtLive: position.isAtLive(),
        seekableStart: range?.start,
        seekableEnd: range?.end,
        bufferAhead: bufferAhead(video),
        width: video.videoWidth,
        height: video.videoHeight,
        qualities: session.engine?.qualities().map(shorterEdge) ?? [],
        chosen: session.engine?.chosen() ?? 'auto',
        bandwidthBps: session.engine?.bandwidth(),
        frames: quality.totalVideoFrames,
        droppedFrames: quality.droppedVideoFrames,
        stalls,
        lastError: session.lastError,
      };
    },
  };
}

function bufferAhead({ buffered, currentTime }: HTMLVideoElement): number {
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime && currentTime <= buffered.end(index)) {
      return buffered.end(index) - currentTime;
    }
  }
  return 0;
}
