/** Plays DASH by dash.js. */
import { MediaPlayer, type MediaPlayerClass, type Representation } from 'dashjs';
import type { EdgeRoute } from './edge-route.ts';
import type { Engine, EngineOptions, Quality } from './engine.ts';

const qualityOf = (representation: Representation): Quality => ({
  id: representation.id,
  width: representation.width,
  height: representation.height,
  bitrateBps: representation.bandwidth,
});

/** Media requests are asked again for this long: an origin that restarts is away for a few seconds. */
const RETRIES = { MPD: 40, MediaSegment: 50, InitializationSegment: 50 };
const RETRY_INTERVALS = { MPD: 500, MediaSegment: 400, InitializationSegment: 400 };

const CATCH_UP_WITHIN_SECONDS = 15;

/** Starts dash.js on the element. */
export function startDashEngine(options: EngineOptions): Engine {
  const { video, presentation, edges, events } = options;
  const { events: names } = MediaPlayer;
  const player = MediaPlayer().create();
  let chosen: string | undefined;
  /** Of the manifest; the player's own moves with the viewer's seeks. */
  let liveDelay = 0;
  player.updateSettings({
    streaming: {
      delay: { useSuggestedPresentationDelay: true },
      liveCatchup: {
        enabled: true,
        playbackRate: { min: -0.03, max: 0.05 },
        // Whoever paused or went back stays there: no jumps, and no hurry from far behind.
        maxDrift: -1,
        liveThreshold: CATCH_UP_WITHIN_SECONDS,
      },
      buffer: { bufferToKeep: 60, fastSwitchEnabled: true },
      retryAttempts: RETRIES,
      retryIntervals: RETRY_INTERVALS,
      // Each visit begins at what the network gives now.
      lastBitrateCachingInfo: { enabled: false },
      lastMediaSettingsCachingInfo: { enabled: false },
    },
  });
  player.on(names.STREAM_INITIALIZED, () => {
    liveDelay ||= player.getTargetLiveDelay();
    events.onQualities();
  });
  player.on(names.QUALITY_CHANGE_RENDERED, events.onQualities);
  player.on(names.DYNAMIC_TO_STATIC, events.onEnded);
  player.on(names.ERROR, ({ error }) => {
    events.onFailed(typeof error === 'string' ? error : `dash error ${error.code}`);
  });
  askEdges(player, edges);
  const stopNudging = nudgeFirstFrame(video);
  const seeks = seekOneByOne(video, (time) => {
    // Live, it counts from the start of the window, and takes the new distance for the wished one.
    player.seek(player.isDynamic() ? time - player.getDvrWindow().start : time);
  });
  player.initialize(video, edges.locate(`${presentation}.mpd`), false);
  const qualities = (): readonly Quality[] =>
    player.isReady()
      ? player
          .getRepresentationsByType('video')
          .map(qualityOf)
          .toSorted((a, b) => b.height - a.height)
      : [];
  return {
    name: 'dash',
    version: player.getVersion(),
    qualities,
    playing: () => {
      const now = player.isReady() ? player.getCurrentRepresentationForType('video') : null;
      return now === null ? undefined : qualityOf(now);
    },
    chosen: () => chosen,
    choose: (id) => {
      chosen = id;
      player.updateSettings({
        streaming: { abr: { autoSwitchBitrate: { video: id === undefined } } },
      });
      if (id !== undefined) {
        player.setRepresentationForTypeById('video', id);
      }
    },
    seekable: () => {
      const window = player.isReady() ? player.getDvrWindow() : undefined;
      return window === undefined || !(window.end > window.start)
        ? undefined
        : { start: window.start, end: window.end };
    },
    seek: (time) => {
      if (player.isReady()) {
        seeks.to(time);
      }
    },
    livePosition: () => {
      if (!player.isReady() || !player.isDynamic()) {
        return undefined;
      }
      const { end } = player.getDvrWindow();
      return end - liveDelay;
    },
    // The period starts at its grid time and the availability start is the epoch: media time is wall-clock time.
    pictureTime: () =>
      player.isReady() && player.isDynamic() ? video.currentTime * 1000 : undefined,
    bandwidth: () =>
      player.isReady() ? player.getAverageThroughput('video') * 1000 || undefined : undefined,
    destroy: () => {
      stopNudging();
      seeks.stop();
      player.destroy();
    },
  };
}

const BAD_GATEWAY = 502;

/** Sends every request to the edge in use, whichever edge it was meant for, and tells how that edge did. */
function askEdges(player: MediaPlayerClass, edges: EdgeRoute): void {
  const waiting = new WeakMap<object, () => void>();
  player.addRequestInterceptor((request) => {
    request.url = edges.locate(request.url);
    waiting.set(request, edges.watch(request.url));
    return Promise.resolve(request);
  });
  player.addResponseInterceptor((response) => {
    const { request, status = 0 } = response;
    waiting.get(request)?.();
    if (status === BAD_GATEWAY) {
      edges.failed(request.url);
    } else if (status === 0) {
      // Broken off, or given up by the player itself.
      edges.suspect(request.url);
    }
    return Promise.resolve(response);
  });
}

/** Less than a frame at 60 fps. */
const NUDGE_SECONDS = 0.015;

/**
 * When playback is to begin at exactly the first sample of both tracks, dash.js leaves the element where it is and
 * Chromium, which knows of no seek, stays at HAVE_METADATA with the data at hand. Any seek inside the data wakes it.
 */
function nudgeFirstFrame(video: HTMLVideoElement): () => void {
  const nudge = (): void => {
    const { buffered, currentTime, readyState, seeking } = video;
    const hasData =
      buffered.length > 0 && buffered.start(0) <= currentTime && buffered.end(0) > currentTime + 1;
    if (readyState === HTMLMediaElement.HAVE_METADATA && !seeking && hasData) {
      video.currentTime = currentTime + NUDGE_SECONDS;
    }
  };
  const timer = setInterval(nudge, 500);
  return () => {
    clearInterval(timer);
  };
}

/** Where it may end up beside what was asked for: at the start of a segment. */
const BESIDE_SECONDS = 2.5;
/** A seek that is under way for so long gives way to one that waits: it may never be over. */
const SEEK_MS = 1_000;
/** What ends up elsewhere so often is where it must be. */
const MOST_TRIES = 3;

/**
 * dash.js prepares a seek over several turns of the event loop. Of several in quick succession it may take the element to the
 * start of what it has appended for an earlier one: so it is given one at a time, of those that wait the newest, and that again
 * where it ended up elsewhere.
 */
function seekOneByOne(
  video: HTMLVideoElement,
  seek: (time: number) => void,
): { readonly to: (time: number) => void; readonly stop: () => void } {
  const stop = new AbortController();
  let wanted: { readonly time: number; tries: number } | undefined;
  /** Runs while a seek is under way, and not for too long. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  const begin = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (wanted !== undefined) {
      wanted.tries += 1;
      timer = setTimeout(() => {
        timer = undefined;
        if (wanted?.tries === 0) {
          begin();
        }
      }, SEEK_MS);
      seek(wanted.time);
    }
  };
  video.addEventListener(
    'seeked',
    () => {
      const isElsewhere =
        wanted !== undefined && Math.abs(video.currentTime - wanted.time) > BESIDE_SECONDS;
      if (isElsewhere && (wanted?.tries ?? 0) < MOST_TRIES) {
        begin();
      } else {
        wanted = undefined;
        clearTimeout(timer);
        timer = undefined;
      }
    },
    { signal: stop.signal },
  );
  return {
    to: (time) => {
      wanted = { time, tries: 0 };
      if (timer === undefined) {
        begin();
      }
    },
    stop: () => {
      stop.abort();
      clearTimeout(timer);
    },
  };
}
