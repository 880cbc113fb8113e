/** Plays HLS by hls.js. */
import Hls, {
  ErrorDetails,
  ErrorTypes,
  Events,
  type HlsConfig,
  type Level,
  type LoadPolicy,
} from 'hls.js';
import type { EdgeRoute } from './edge-route.ts';
import { seekableOf, type Engine, type EngineOptions, type Quality } from './engine.ts';

/** An origin that restarts is away for a few seconds: ask again often enough to bridge it from the buffer. */
const patient = (firstByteMs: number): LoadPolicy => {
  // The first retry goes to another edge when this one is gone: it should not wait.
  const retry = { maxNumRetry: 9, retryDelayMs: 250, maxRetryDelayMs: 4_000 };
  return {
    default: {
      maxTimeToFirstByteMs: firstByteMs,
      maxLoadTimeMs: 30_000,
      timeoutRetry: { ...retry, retryDelayMs: 0 },
      errorRetry: retry,
    },
  };
};

const CONFIG: Partial<HlsConfig> = {
  // A level with gaps is left; one that was withheld comes back, no sooner than this, and is tried again.
  errorPenaltyExpireMs: 20_000,
  // CMAF needs no transmuxing, so a worker has nothing to do.
  enableWorker: false,
  // Without it hls.js neither reloads by blocking nor catches up; the distance is what the playlist's HOLD-BACK says.
  lowLatencyMode: true,
  maxLiveSyncPlaybackRate: 1.05,
  liveDurationInfinity: true,
  // What was played is the browser's to evict. When hls.js 1.7.4 removes it, it forgets which parts it has of the segment that it is loading just
  // then (`detectEvictedFragments` with `removeAppending`), and asks for nothing until that segment's parts are no longer listed.
  backBufferLength: Number.POSITIVE_INFINITY,
  maxBufferLength: 30,
  maxMaxBufferLength: 60,
  capLevelToPlayerSize: true,
  abrEwmaDefaultEstimate: 3_000_000,
  manifestLoadPolicy: patient(12_000),
  playlistLoadPolicy: patient(12_000),
  // The origin may hold a request for a segment about to exist up to 8 s.
  fragLoadPolicy: patient(15_000),
};

const qualityOf = (level: Level, index: number): Quality => ({
  id: String(index),
  width: level.width,
  height: level.height,
  bitrateBps: level.bitrate,
});

/** Errors that no other attempt mends. */
const UNDECODABLE: ReadonlySet<string> = new Set([
  ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR,
  ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR,
]);

/** Whether this browser has what hls.js needs. */
export const isHlsSupported = (): boolean => Hls.isSupported();

/** Starts hls.js on the element. */
export function startHlsEngine(options: EngineOptions): Engine {
  const { video, presentation, isLive, edges, events } = options;
  const hls = new Hls({
    ...CONFIG,
    ...(isLive ? {} : { startPosition: 0 }),
    xhrSetup: (xhr, url) => {
      askEdge(xhr, edges, url);
    },
  });
  let mediaRecoveries = 0;
  let hasEnded = !isLive;
  let chosen: string | undefined;
  hls.on(Events.MANIFEST_PARSED, events.onQualities);
  hls.on(Events.LEVEL_SWITCHED, events.onQualities);
  hls.on(Events.LEVEL_UPDATED, (_event, { details }) => {
    if (!details.live && !hasEnded) {
      hasEnded = true;
      events.onEnded();
    }
  });
  hls.on(Events.FRAG_BUFFERED, () => {
    mediaRecoveries = 0;
  });
  hls.on(Events.ERROR, (_event, { fatal, type, details }) => {
    if (!fatal) {
      return;
    }
    if (UNDECODABLE.has(details)) {
      events.onUnsupported(details);
      return;
    }
    // A decoder that stumbles once is given a new source buffer; twice in a row it is the page's turn.
    if (type === ErrorTypes.MEDIA_ERROR && mediaRecoveries === 0) {
      mediaRecoveries += 1;
      hls.recoverMediaError();
      return;
    }
    events.onFailed(details);
  });
  hls.loadSource(edges.locate(`${presentation}.m3u8`));
  hls.attachMedia(video);
  return {
    name: 'hls',
    version: Hls.version,
    qualities: () => hls.levels.map(qualityOf),
    playing: () => {
      const level = hls.levels[hls.currentLevel];
      return level === undefined ? undefined : qualityOf(level, hls.currentLevel);
    },
    // What is asked for: `hls.nextLevel` tells what is buffered next.
    chosen: () => chosen,
    choose: (id) => {
      chosen = id;
      hls.nextLevel = id === undefined ? -1 : Number(id);
    },
    seekable: () => seekableOf(video),
    seek: (time) => {
      video.currentTime = time;
    },
    livePosition: () => hls.liveSyncPosition ?? undefined,
    pictureTime: () => hls.playingDate?.getTime(),
    bandwidth: () => (Number.isFinite(hls.bandwidthEstimate) ? hls.bandwidthEstimate : undefined),
    destroy: () => {
      hls.destroy();
    },
  };
}

const BAD_GATEWAY = 502;

/** Sends a request to the edge in use, whichever edge it was meant for, and tells how that edge did. */
function askEdge(xhr: XMLHttpRequest, edges: EdgeRoute, url: string): void {
  const target = edges.locate(url);
  xhr.open('GET', target, true);
  const onAnswer = edges.watch(target);
  xhr.addEventListener('readystatechange', () => {
    if (xhr.readyState >= XMLHttpRequest.HEADERS_RECEIVED) {
      onAnswer();
    }
  });
  xhr.addEventListener('error', () => {
    edges.suspect(target);
  });
  xhr.addEventListener('load', () => {
    if (xhr.status === BAD_GATEWAY) {
      edges.failed(target);
    }
  });
}
