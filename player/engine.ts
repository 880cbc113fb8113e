/** What the page needs of whatever plays: our own engine, hls.js, dash.js or the browser itself. */
import type { Company } from './company.ts';
import type { EdgeRoute } from './edge-route.ts';

/** Names of the engines, as in `?player=` and in the settings menu. */
export type EngineName = 'engine' | 'hls' | 'dash' | 'native';

/** One picture quality that can be chosen. */
export interface Quality {
  /** Meaningful to the engine that gave it. */
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly bitrateBps: number;
}

/** What a quality is called by, as everywhere: 720 for 1280x720 and for 720x1280. */
export const shorterEdge = ({ width, height }: Quality): number => Math.min(width, height);

/** A stretch of the media element's time. */
export interface TimeRange {
  readonly start: number;
  readonly end: number;
}

/** What happens to an engine. */
export interface EngineEvents {
  /** Qualities, or the one playing, changed. */
  readonly onQualities: () => void;
  /** The broadcast is over; what is left of it can still be played. */
  readonly onEnded: () => void;
  /**
   * It cannot go on by itself; the reason is for diagnosis.
   * @param isWithoutMedia it got nothing to play: another engine would not either
   */
  readonly onFailed: (reason: string, isWithoutMedia?: boolean) => void;
  /** This browser cannot decode what is sent; the reason is for diagnosis. */
  readonly onUnsupported: (reason: string) => void;
}

/** A running engine, bound to one media element and one presentation. */
export interface Engine {
  readonly name: EngineName;
  /** Version of the library, for diagnosis. */
  readonly version: string;
  readonly qualities: () => readonly Quality[];
  /** What plays now. */
  readonly playing: () => Quality | undefined;
  /** What the viewer chose; undefined: automatic. */
  readonly chosen: () => string | undefined;
  readonly choose: (id: string | undefined) => void;
  readonly seekable: () => TimeRange | undefined;
  /** Goes to a time of the element. */
  readonly seek: (time: number) => void;
  /** Where a viewer who wants to be live should be, in the element's time. */
  readonly livePosition: () => number | undefined;
  /** Wall-clock time (milliseconds) of what is on the screen; undefined when it is not known. */
  readonly pictureTime: () => number | undefined;
  /** Bits per second the network gave, as the engine measured it. */
  readonly bandwidth: () => number | undefined;
  readonly destroy: () => void;
}

/** What an engine is made of. */
export interface EngineOptions {
  readonly video: HTMLVideoElement;
  /** Path without extension; the engine adds `.m3u8` or `.mpd`, and asks the edges for it. */
  readonly presentation: string;
  readonly isLive: boolean;
  /** Text of its MPD, where it has been asked for already; undefined when that did not work. */
  readonly manifest?: Promise<string | undefined> | undefined;
  readonly edges: EdgeRoute;
  /** Clock of the edge, milliseconds since the epoch. */
  readonly now: () => number;
  readonly events: EngineEvents;
  /** Undefined: it plays alone. Only our own engine keeps company. */
  readonly company?: Company | undefined;
}

/** Largest range the element itself knows of. */
export function seekableOf(video: HTMLVideoElement): TimeRange | undefined {
  const { seekable } = video;
  if (seekable.length === 0) {
    return undefined;
  }
  return { start: seekable.start(0), end: seekable.end(seekable.length - 1) };
}
