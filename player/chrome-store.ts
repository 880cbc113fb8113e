/**
 * What the controls (media-chrome) are told and what they may do, in the terms of a session: a live window has its
 * own beginning, live is its right end, and qualities are the engine's. Times here count from the start of what can
 * be watched, so that a slider over a window in the middle of an epoch reads like one over a file.
 */
import { createMediaStore, type MediaStore } from 'media-chrome/media-store/media-store.js';
import {
  stateMediator,
  type Rendition,
  type StateMediator,
} from 'media-chrome/media-store/state-mediator.js';
import { shorterEdge } from './engine.ts';
import type { Position } from './position.ts';
import type { Session } from './session.ts';
import type { Sound } from './sound.ts';

/** The store, and the way to tell it that what it was told may have changed. */
export interface ChromeStore {
  readonly store: MediaStore;
  readonly update: () => void;
}

/** A window shorter than this has nowhere to go back to. */
const SHORTEST_WINDOW_SECONDS = 4;

const toMillis = (seconds: number): number => Number(seconds.toFixed(3));

/** Makes the store. */
export function createChromeStore(
  video: HTMLVideoElement,
  session: Session,
  position: Position,
  sound: Sound,
): ChromeStore {
  const listeners = new Set<() => void>();
  const followsSession = (handler: (value: never) => void): (() => void) => {
    const listener = (): void => {
      // The store reads the value itself.
      (handler as () => void)();
    };
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const start = (): number => position.stretch()?.start ?? 0;
  const length = (): number => {
    const range = position.stretch();
    return range === undefined ? 0 : range.end - range.start;
  };
  const currentTime = (): number =>
    // A viewer at live should not see a knob that trembles with the latency.
    position.isAtLive() ? length() : Math.max(0, video.currentTime - start());
  const stateOwnersUpdateHandlers = [followsSession];
  const mediator: StateMediator = {
    ...stateMediator,
    // The page's own words; and an error here would make the store deaf.
    mediaError: { get: () => undefined as never },
    mediaErrorCode: { get: () => undefined as never },
    mediaErrorMessage: { get: () => '' },
    mediaCurrentTime: {
      ...stateMediator.mediaCurrentTime,
      get: () => toMillis(currentTime()),
      set: (value: number) => {
        position.seekTo(start() + value);
      },
      stateOwnersUpdateHandlers,
    },
    mediaDuration: {
      ...stateMediator.mediaDuration,
      get: () => (session.isLive || length() === 0 ? Number.NaN : toMillis(length())),
      stateOwnersUpdateHandlers,
    },
    mediaSeekable: {
      ...stateMediator.mediaSeekable,
      get: () => (length() < SHORTEST_WINDOW_SECONDS ? undefined : [0, toMillis(length())]),
      stateOwnersUpdateHandlers,
    },
    mediaBuffered: {
      ...stateMediator.mediaBuffered,
      get: () =>
        Array.from({ length: video.buffered.length }, (_, index) => [
          toMillis(Math.max(0, video.buffered.start(index) - start())),
          toMillis(Math.min(length(), Math.max(0, video.buffered.end(index) - start()))),
        ]),
      stateOwnersUpdateHandlers,
    },
    mediaStreamType: {
      ...stateMediator.mediaStreamType,
      get: () => (session.isLive ? 'live' : 'on-demand'),
      stateOwnersUpdateHandlers,
    },
    mediaTargetLiveWindow: {
      ...stateMediator.mediaTargetLiveWindow,
      get: () => (session.isLive ? Number.POSITIVE_INFINITY : Number.NaN),
      stateOwnersUpdateHandlers,
    },
    mediaTimeIsLive: {
      ...stateMediator.mediaTimeIsLive,
      get: () => position.isAtLive(),
      stateOwnersUpdateHandlers,
    },
    mediaRenditionList: {
      ...stateMediator.mediaRenditionList,
      get: () => renditionsOf(session),
      stateOwnersUpdateHandlers,
    },
    mediaRenditionSelected: {
      ...stateMediator.mediaRenditionSelected,
      get: () => session.engine?.chosen() as string,
      set: (value: string) => {
        session.engine?.choose(
          renditionsOf(session).some(({ id }) => id === value) ? value : undefined,
        );
      },
      stateOwnersUpdateHandlers,
    },
    mediaMuted: {
      ...stateMediator.mediaMuted,
      set: (value: boolean) => {
        sound.setMuted(value);
      },
      stateOwnersUpdateHandlers: [],
    },
    mediaVolume: {
      ...stateMediator.mediaVolume,
      set: (value: number) => {
        sound.setVolume(value);
      },
      stateOwnersUpdateHandlers: [],
    },
  };
  return {
    store: createMediaStore({ media: video, stateMediator: mediator }),
    update: () => {
      for (const listener of listeners) {
        listener();
      }
    },
  };
}

/** The engine's qualities as the quality menu takes them. */
function renditionsOf(session: Session): Rendition[] {
  return (session.engine?.qualities() ?? []).map((quality) => ({
    id: quality.id,
    // The menu writes the height with a p behind it.
    height: shorterEdge(quality),
    width: Math.max(quality.width, quality.height),
    bitrate: quality.bitrateBps,
  }));
}
