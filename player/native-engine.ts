/** Plays HLS by the browser itself, where it has no Media Source Extensions (iOS before 17.1). */
import { seekableOf, type Engine, type EngineOptions } from './engine.ts';

/** Whether the browser plays HLS without help. */
export const isNativeSupported = (video: HTMLVideoElement): boolean =>
  video.canPlayType('application/vnd.apple.mpegurl') !== '';

/** Three segments of 2 s, as the other engines keep. */
const LIVE_DELAY_SECONDS = 6;

/** Hands the playlist to the element. */
export function startNativeEngine(options: EngineOptions): Engine {
  const { video, presentation, isLive, edges, events } = options;
  const stop = new AbortController();
  const { signal } = stop;
  video.addEventListener('loadedmetadata', events.onQualities, { signal });
  video.addEventListener('resize', events.onQualities, { signal });
  video.addEventListener(
    'durationchange',
    () => {
      if (isLive && Number.isFinite(video.duration)) {
        events.onEnded();
      }
    },
    { signal },
  );
  video.addEventListener(
    'error',
    () => {
      edges.suspect(video.src);
      events.onFailed(`media error ${video.error?.code ?? 0}`);
    },
    { signal },
  );
  video.src = edges.locate(`${presentation}.m3u8`);
  return {
    name: 'native',
    version: '',
    qualities: () => [],
    playing: () =>
      video.videoHeight === 0
        ? undefined
        : {
            id: 'native',
            width: video.videoWidth,
            height: video.videoHeight,
            bitrateBps: 0,
          },
    chosen: () => undefined,
    choose: () => undefined,
    seekable: () => seekableOf(video),
    seek: (time) => {
      video.currentTime = time;
    },
    livePosition: () => {
      const range = seekableOf(video);
      return range === undefined
        ? undefined
        : Math.max(range.start, range.end - LIVE_DELAY_SECONDS);
    },
    pictureTime: () => startDateOf(video, isLive),
    bandwidth: () => undefined,
    destroy: () => {
      stop.abort();
      video.removeAttribute('src');
      video.load();
    },
  };
}

/** Safari tells the date of time 0 of a playlist with EXT-X-PROGRAM-DATE-TIME (HTML Standard, getStartDate). */
function startDateOf(video: HTMLVideoElement, isLive: boolean): number | undefined {
  if (!isLive || !('getStartDate' in video) || typeof video.getStartDate !== 'function') {
    return undefined;
  }
  const date: unknown = video.getStartDate();
  const start = date instanceof Date ? date.getTime() : Number.NaN;
  return Number.isNaN(start) ? undefined : start + video.currentTime * 1000;
}
