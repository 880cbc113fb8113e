/**
 * What our own engine wants to know of a broadcast, read from its MPD (ISO/IEC 23009-1; section numbers below are its).
 * Numbers and times are the grid's: media time is wall-clock time. Pure.
 */

/** A rendition that can be fetched. */
export interface MadeRendition {
  readonly id: string;
  /** For `MediaSource.addSourceBuffer`. */
  readonly type: string;
  readonly bandwidthBps: number;
  /** 0 for sound. */
  readonly width: number;
  readonly height: number;
  /** Address of the init segment, relative to the MPD. */
  readonly init: string;
}

/** See the head of this file. */
export interface Manifest {
  /** The highest first. */
  readonly pictures: readonly MadeRendition[];
  readonly sound: MadeRendition | undefined;
  /** Numbers of the broadcast; `last` is undefined while it is on air. */
  readonly first: number;
  readonly last: number | undefined;
  /** Seconds of a segment, as a fraction: a sum of such would drift. */
  readonly duration: number;
  readonly timescale: number;
  /** Fragments in a segment. */
  readonly fragments: number;
  /** Seconds that can be gone back. */
  readonly windowSeconds: number;
  /** Seconds behind the clock that nobody is to be nearer than (Annex K, `Latency@min`). */
  readonly leastLatency: number;
}

interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly isEnd: boolean;
  readonly isEmpty: boolean;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&amp;': '&',
};

/** The tags of a document without character data that matters, as an MPD is. */
function* tagsOf(text: string): Generator<Tag> {
  for (const match of text.matchAll(
    /<(\/?)([A-Za-z][\w:.-]*)((?:\s+[\w:.-]+="[^"]*")*)\s*(\/?)>/g,
  )) {
    const [, end, name = '', list = '', empty] = match;
    const attributes = new Map(
      [...list.matchAll(/([\w:.-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [
        key,
        value.replaceAll(/&(?:lt|gt|quot|amp);/g, (entity) => ENTITIES[entity] ?? entity),
      ]),
    );
    yield { name, attributes, isEnd: end === '/', isEmpty: empty === '/' };
  }
}

/** `xs:duration` of hours, minutes and seconds. */
function secondsOf(text: string | undefined): number | undefined {
  const match = /^PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?$/.exec(text ?? '');
  return match === null
    ? undefined
    : Number(match[1] ?? 0) * 3600 + Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0);
}

interface Found extends MadeRendition {
  readonly first: number;
  readonly duration: number;
  readonly timescale: number;
  readonly offset: number;
}

/**
 * Reads it.
 * @throws RangeError when it has no picture with numbered segments of a constant length
 */
export function parseManifest(text: string): Manifest {
  let mpd: Tag['attributes'] = new Map();
  let period: Tag['attributes'] = new Map();
  let set: Tag['attributes'] = new Map();
  let representation: Tag['attributes'] = new Map();
  let leastLatency = 0;
  const found: Found[] = [];
  for (const { name, attributes, isEnd } of tagsOf(text)) {
    if (isEnd) {
      continue;
    }
    switch (name) {
      case 'MPD':
        mpd = attributes;
        break;
      case 'Period':
        period = attributes;
        break;
      case 'Latency':
        leastLatency = Number(attributes.get('min') ?? 0) / 1000;
        break;
      case 'AdaptationSet':
        set = attributes;
        break;
      case 'Representation':
        representation = attributes;
        break;
      case 'SegmentTemplate': {
        const get = (key: string): string =>
          attributes.get(key) ?? representation.get(key) ?? set.get(key) ?? '';
        const id = get('id');
        const init = get('initialization');
        if (init !== '') {
          found.push({
            id: representation.get('id') ?? id,
            type: `${get('mimeType')}; codecs="${get('codecs')}"`,
            bandwidthBps: Number(get('bandwidth')),
            width: Number(get('width')),
            height: Number(get('height')),
            init: init.replaceAll('$RepresentationID$', representation.get('id') ?? id),
            first: Number(get('startNumber')),
            duration: Number(get('duration')),
            timescale: Number(get('timescale')),
            offset: Number(get('availabilityTimeOffset')),
          });
        }
        break;
      }
      default:
    }
  }
  const pictures = found
    .filter(({ height }) => height > 0)
    .toSorted((a, b) => b.bandwidthBps - a.bandwidthBps);
  const [any] = pictures;
  if (any === undefined || !(any.duration > 0) || !(any.timescale > 0) || !(any.first > 0)) {
    throw new RangeError('the manifest has no picture with numbered segments');
  }
  const { first, duration, timescale, offset } = any;
  const seconds = duration / timescale;
  const length = secondsOf(period.get('duration'));
  return {
    pictures,
    sound: found.find(({ height }) => height === 0),
    first,
    // The Period begins a little before its first segment.
    last: length === undefined ? undefined : first + Math.floor(length / seconds + 1e-6) - 1,
    duration,
    timescale,
    fragments: offset > 0 && offset < seconds ? Math.round(seconds / (seconds - offset)) : 1,
    windowSeconds: secondsOf(mpd.get('timeShiftBufferDepth')) ?? 0,
    leastLatency: Number.isFinite(leastLatency) ? leastLatency : 0,
  };
}

type Grid = Pick<Manifest, 'duration' | 'timescale' | 'fragments'>;

/** Seconds of a segment. */
export const segmentSeconds = ({ duration, timescale }: Grid): number => duration / timescale;

/** When segment `n` begins, seconds since the epoch; `n` may have a fraction. */
export const timeOf = ({ duration, timescale }: Grid, n: number): number =>
  (n * duration) / timescale;

/** The segment that holds a time. */
export const segmentAt = ({ duration, timescale }: Grid, time: number): number =>
  Math.floor((time * timescale) / duration + 1e-6);

/** When the last of fragment `k` of segment `n` was taken, seconds since the epoch. */
export const fragmentEnd = (grid: Grid, n: number, k: number): number =>
  timeOf(grid, n) + ((k + 1) / grid.fragments) * segmentSeconds(grid);
