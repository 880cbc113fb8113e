/**
 * DASH manifests, written. ISO/IEC 23009-1; section numbers below are its. Pure.
 *
 * Segments are addressed by `$Number$` with a constant duration, so a live MPD says nothing that grows and a reload
 * is nearly always a 304. A client computes which numbers exist from the wall clock: number `n` from the moment its
 * place on the grid has passed. Ours exist some seconds later. What the players make of that (dash.js 5.2.1):
 * - `@suggestedPresentationDelay` is where playback begins; it does not limit what is fetched. dash.js buffers up to
 *   18 s and so always asks for the newest number the clock allows (`_isSegmentAvailable` compares with the end of
 *   the segment minus `@availabilityTimeOffset` only). A pipeline that is `k` segments late is asked for numbers up
 *   to `k` ahead of the newest published one; the server holds those (`holds.ts`), for the fetch timeout is 20 s.
 *   One that is held is no error, one 404 would freeze the player.
 * - The delay must therefore cover lateness, a segment that is being fetched and some more in the buffer: three
 *   segments, as HLS's `HOLD-BACK`, and the lateness that `declared.ts` has measured, in steps finer than segments.
 * - `@availabilityStartTime` stays the epoch and `Period@start` the broadcast's grid time (less a millisecond, see
 *   `PERIOD_LEAD`), so that every service and player computes the same number from the same clock; neither is shifted
 *   to hide lateness.
 * - ffmpeg's reader (libavformat/dashdec.c, 4 to 8) takes no account of `Period@start` when it asks whether a number
 *   has left the window: to it every number of ours has, and it begins again at the live edge after each segment, for
 *   ever. It is given values of its own, by which its arithmetic comes out right: see {@link forFfmpeg}.
 * - When the MPD becomes static dash.js stops fetching at once (`mediaHasFinished`). So a broadcast that has ended
 *   first gets its `Period@duration`, and turns static once players have had time to fetch the rest.
 */
import { PATHS, SEGMENT_TEMPLATE, initTemplate } from '#common/contracts/delivery';
import type { AudioRendition, Rendition, VideoRendition } from '#common/contracts/rendition';
import type { Profile } from '#common/contracts/channel';
import { divisionOf } from '#common/division';
import {
  SAMPLE_RATE,
  firstFrame,
  firstSample,
  segmentSeconds,
  timeOfSegment,
  type Grid,
} from '#common/grid';
import { PLAYERS_BEHIND_SEGMENTS } from '#common/lateness';
import { segmentNumber, type SegmentNumber } from '#common/time';
import { LATENCY } from './latency.ts';
import { offeredOf, type Timeline } from './timeline.ts';
import { expectedOf } from './verify.ts';

/** Live players reload this often at most; a 304 nearly always. */
export const UPDATE_SECONDS = 2;

/**
 * How long before its first sample a live Period begins, in samples: a millisecond, a whole number of every grid's
 * ticks. dash.js joins a young broadcast at the start of its window. Were that exactly where the media begins, the
 * element would be there already (Chromium puts it at the start of the live seekable range), dash.js would leave out
 * its seek, and the element, which waits for one, would never show a picture. So the media begins a little later, and
 * dash.js seeks there, as it does wherever segments deviate from their template (§5.3.9.5.3 allows half a segment).
 */
const PERIOD_LEAD = SAMPLE_RATE / 1000;

/** Annex K: how much slower and faster players may play to hold it. */
const PLAYBACK_RATE = { min: 0.95, max: 1.05 } as const;

/** §5.3.1.2 `@profiles`. */
const PROFILES = 'urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019';

type Attributes = Readonly<Record<string, string | number | undefined>>;

const escaped = (value: string | number): string =>
  String(value)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => (value === undefined ? '' : ` ${key}="${escaped(value)}"`))
    .join('');
  if (children.length === 0) {
    return `<${name}${written}/>`;
  }
  const inner = children.map((child) => child.replaceAll(/^/gm, '  ')).join('\n');
  return `<${name}${written}>\n${inner}\n</${name}>`;
}

/** `xs:duration` of a number of samples of the grid: exact, for segments are whole milliseconds. */
const durationOf = (samples: number): string =>
  `PT${((samples * 1000) / SAMPLE_RATE / 1000).toFixed(3).replace(/\.?0+$/, '')}S`;

/** A number of seconds, to the microsecond. */
const decimals = (value: number): string => value.toFixed(6).replace(/\.?0+$/, '');

const secondsOf = (value: number): string => `PT${value.toFixed(3).replace(/\.?0+$/, '')}S`;

/** §5.8.5.7: the clock of origin and edges. */
const CLOCK = element('UTCTiming', {
  schemeIdUri: 'urn:mpeg:dash:utc:http-iso:2014',
  value: PATHS.time,
});

/** A stretch of numbers that all exist; `last` is undefined while the broadcast is on air. */
export interface Run {
  readonly first: SegmentNumber;
  readonly last: SegmentNumber | undefined;
  /** Those that all of its numbers have. */
  readonly renditions: readonly Rendition[];
}

interface Addressing extends Run {
  /** Samples between the Period's start and its first segment. */
  readonly lead: number;
  /** ffmpeg (5.1) asks for one number too many of a finished template with a constant duration, and calls its 404 an error. */
  readonly hasOwnDurations: boolean;
}

/** §5.3.9.6: every segment's exact length, equal ones in a row together. */
function segmentTimeline(
  grid: Grid,
  rendition: Rendition,
  first: SegmentNumber,
  last: SegmentNumber,
): string {
  const rows: { readonly t: number; readonly d: number; r: number }[] = [];
  for (let n = first; n <= last; n = segmentNumber(n + 1)) {
    const { samples, sampleDuration, decodeTime } = expectedOf(grid, rendition.kind, n);
    const duration = samples * sampleDuration;
    const row = rows.at(-1);
    if (row?.d === duration) {
      row.r += 1;
    } else {
      rows.push({ t: decodeTime, d: duration, r: 0 });
    }
  }
  // Only the first needs its time; the others follow without a gap.
  const elements = rows.map(({ t, d, r }, i) =>
    element('S', { t: i === 0 ? t : undefined, d, r: r === 0 ? undefined : r }),
  );
  return element('SegmentTimeline', {}, elements);
}

/** §5.3.9.4: the same numbers in every rendition; with a constant duration, or each segment's own. */
function segmentTemplate(
  { grid, inits, broadcast: { profile } }: Timeline,
  rendition: Rendition,
  { first, last, lead, hasOwnDurations }: Addressing,
): string {
  const isVideo = rendition.kind === 'video';
  const init = inits.get(rendition.id);
  const timescale = isVideo ? grid.timescale : SAMPLE_RATE;
  const duration = isVideo ? grid.segmentFrames * grid.frameTicks : grid.segmentSamples;
  const isListed = hasOwnDurations && last !== undefined;
  // §5.3.9.5.4: a growing segment may be asked for once its first fragment is complete.
  const growing: Attributes =
    profile === 'standard' || isListed
      ? {}
      : {
          availabilityTimeOffset: decimals(
            segmentSeconds(grid) - segmentSeconds(grid) / divisionOf(grid, profile).fragments,
          ),
          availabilityTimeComplete: 'false',
        };
  return element(
    'SegmentTemplate',
    {
      ...growing,
      timescale,
      duration: isListed ? undefined : duration,
      startNumber: first,
      presentationTimeOffset:
        (isVideo ? firstFrame(grid, first) * grid.frameTicks : firstSample(grid, first)) -
        (lead * timescale) / SAMPLE_RATE,
      initialization: init === undefined ? undefined : initTemplate(init),
      media: SEGMENT_TEMPLATE,
    },
    isListed ? [segmentTimeline(grid, rendition, first, last)] : [],
  );
}

/**
 * §5.12.2: a number's media time and the moment of the grid that it is. One that never changes, for all of them lie on one line.
 * @param id of the element, which `Latency` names
 */
function producerReference(
  { grid, broadcast: { profile } }: Timeline,
  { first, hasOwnDurations }: Addressing,
  id: number,
): string[] {
  if (profile === 'standard' || hasOwnDurations) {
    return [];
  }
  const n = segmentNumber(first);
  return [
    element(
      'ProducerReferenceTime',
      {
        id,
        type: 'captured',
        wallClockTime: new Date(timeOfSegment(grid, n)).toISOString(),
        presentationTime: id === 1 ? firstFrame(grid, n) * grid.frameTicks : firstSample(grid, n),
      },
      [CLOCK],
    ),
  ];
}

/** Annex K, in low latency: how far behind players are to be. */
function serviceDescription(profile: Profile): string[] {
  if (profile === 'standard') {
    return [];
  }
  const { target, min, max } = LATENCY[profile];
  return [
    element('ServiceDescription', { id: 0 }, [
      element('Latency', {
        referenceId: 1,
        target: target * 1000,
        min: min * 1000,
        max: max * 1000,
      }),
      element('PlaybackRate', PLAYBACK_RATE),
    ]),
  ];
}

/** §5.3.3 with one Representation (§5.3.5) per picture, the highest first. */
function videoSet(timeline: Timeline, run: Addressing): string | undefined {
  const { grid, declared } = timeline;
  const pictures = run.renditions
    .filter((rendition): rendition is VideoRendition => rendition.kind === 'video')
    .toSorted((a, b) => b.height - a.height);
  const [largest] = pictures;
  if (largest === undefined) {
    return undefined;
  }
  return element(
    'AdaptationSet',
    {
      id: 1,
      contentType: 'video',
      mimeType: 'video/mp4',
      segmentAlignment: 'true',
      startWithSAP: 1,
      maxWidth: Math.max(...pictures.map((picture) => picture.width)),
      maxHeight: largest.height,
      frameRate: grid.name,
    },
    [
      ...producerReference(timeline, run, 1),
      element('Role', { schemeIdUri: 'urn:mpeg:dash:role:2011', value: 'main' }),
      ...pictures.map((picture) =>
        element(
          'Representation',
          {
            id: picture.id,
            bandwidth: declared.rates[picture.id]?.peak ?? picture.maxBitrateBps,
            codecs: picture.codecs,
            width: picture.width,
            height: picture.height,
            sar: '1:1',
          },
          [segmentTemplate(timeline, picture, run)],
        ),
      ),
    ],
  );
}

function audioSet(timeline: Timeline, run: Addressing): string | undefined {
  const { declared } = timeline;
  const sounds = run.renditions.filter(
    (rendition): rendition is AudioRendition => rendition.kind === 'audio',
  );
  if (sounds.length === 0) {
    return undefined;
  }
  return element(
    'AdaptationSet',
    {
      id: 2,
      contentType: 'audio',
      mimeType: 'audio/mp4',
      segmentAlignment: 'true',
      startWithSAP: 1,
      audioSamplingRate: SAMPLE_RATE,
    },
    [
      element('AudioChannelConfiguration', {
        schemeIdUri: 'urn:mpeg:dash:23003:3:audio_channel_configuration:2011',
        value: 2,
      }),
      ...producerReference(timeline, run, 2),
      element('Role', { schemeIdUri: 'urn:mpeg:dash:role:2011', value: 'main' }),
      ...sounds.map((sound) =>
        element(
          'Representation',
          {
            id: sound.id,
            bandwidth: declared.rates[sound.id]?.peak ?? sound.bitrateBps,
            codecs: sound.codecs,
          },
          [segmentTemplate(timeline, sound, run)],
        ),
      ),
    ],
  );
}

/**
 * §5.3.2.
 * @param startSamples where its first segment is in the presentation
 * @returns its text, and how long its segments are together, once the end is known
 */
function period(
  timeline: Timeline,
  run: Addressing,
  startSamples: number,
): { readonly text: string; readonly samples: number | undefined } {
  const samples =
    run.last === undefined ? undefined : (run.last - run.first + 1) * timeline.grid.segmentSamples;
  const sets = [videoSet(timeline, run), audioSet(timeline, run)];
  const text = element(
    'Period',
    {
      id: `n${run.first}`,
      start: durationOf(startSamples - run.lead),
      duration: samples === undefined ? undefined : durationOf(samples + run.lead),
    },
    sets.filter((set) => set !== undefined),
  );
  return { text, samples };
}

/**
 * GStreamer (1.22) takes for an MPD only what has the whole start tag of `MPD` in its first 512 bytes: names of our own are
 * short, and the declaration leaves out an encoding that is XML's own (XML 1.0 §4.3.3).
 */
const document = (attributes: Attributes, children: readonly string[]): string =>
  `<?xml version="1.0"?>\n${element(
    'MPD',
    { xmlns: 'urn:mpeg:dash:schema:mpd:2011', profiles: PROFILES, ...attributes },
    children,
  )}\n`;

/** Nominal length; sound's segments are up to one AAC frame longer. */
const longestSegment = (grid: Grid): string => secondsOf(segmentSeconds(grid) + 1024 / SAMPLE_RATE);

/** Where playback is to begin: in `standard` as far behind as HLS's players are behind the newest segment, and by its lateness more. */
const presentationDelay = ({ grid, declared, broadcast: { profile } }: Timeline): number =>
  profile === 'standard'
    ? PLAYERS_BEHIND_SEGMENTS * segmentSeconds(grid) + declared.lateMs / 1000
    : LATENCY[profile].target;

/** Days and seconds, whole: ffmpeg reads each number of a duration as a float, which cannot hold the seconds since 1970. */
const longDuration = (seconds: number): string =>
  `P${Math.floor(seconds / 86_400)}DT${Math.floor(seconds % 86_400)}S`;

/** What only ffmpeg's reader is told: seconds of window, and whole segments to begin behind the clock's. */
interface FfmpegStart {
  readonly window: number;
  readonly behind: number;
}

/**
 * Attributes of a namespace of their own, as the schema allows on `MPD` (§5.2.1), that only ffmpeg's reader heeds: it
 * matches local names without case, and the last one wins. With `s` the seconds of the Period's start, `N` its first
 * number and `d` a segment's length, it begins with number `N + (now - s) / d - minBufferTime`, and takes a number for
 * gone that is not above `N + (now - timeShiftBufferDepth) / d`, in whole seconds and unsigned. So the depth it is
 * told is `s` and a window together, no longer than the broadcast is old: a young one's grows with its segments.
 */
function forFfmpeg(timeline: Timeline, start: number, longest: number): Attributes {
  const { window, behind } = ffmpegStart(timeline, start, longest);
  return {
    'xmlns:f': 'urn:touchline:ffmpeg',
    'f:timeshiftbufferdepth': longDuration(start + window),
    'f:minbuffertime': secondsOf(behind),
  };
}

/**
 * It reads a live MPD once, every rendition's first segment in turn, and then the renditions in turn again.
 * @param start of the Period, seconds since the epoch
 * @param longest window that is enough for any lateness, seconds
 */
function ffmpegStart(
  { grid, broadcast, declared, segments }: Timeline,
  start: number,
  longest: number,
): FfmpegStart {
  const duration = segmentSeconds(grid);
  const newest = segments.at(-1);
  const age = newest === undefined ? 0 : Math.max(0, newest.at / 1000 - start);
  if (newest === undefined || newest.n === broadcast.broadcast) {
    // The window it needs lasts until a moment after now: it begins with what will be there only then.
    return { window: age + 1, behind: Math.max(0, Math.floor(age / duration) - 1) };
  }
  return {
    // A second for clocks that are behind.
    window: Math.min(longest, Math.max(0, age - 1)),
    // What is surely published, so that it does not wait once for each rendition.
    behind: Math.min(
      Math.ceil(declared.lateMs / (duration * 1000)) + 2,
      Math.floor(age / duration),
    ),
  };
}

/**
 * The MPD of `/live`: one Period on the epoch's timeline. Dynamic while on air; once the end is known with its
 * duration; static at last, on the same timeline, so that players go on where they are.
 */
export function liveManifest(timeline: Timeline): string {
  const { broadcast, grid, declared } = timeline;
  const last = broadcast.last ?? undefined;
  const first = broadcast.broadcast;
  const start = first * grid.segmentSamples;
  const run = {
    first,
    last,
    renditions: offeredOf(timeline),
    lead: PERIOD_LEAD,
    hasOwnDurations: timeline.isStatic,
  };
  const { text, samples } = period(timeline, run, start);
  const delay = presentationDelay(timeline);
  // The window must hold where playback begins.
  const depth = Math.max(broadcast.dvrSeconds, delay + segmentSeconds(grid));
  const live: Attributes = {
    minimumUpdatePeriod: secondsOf(UPDATE_SECONDS),
    timeShiftBufferDepth: secondsOf(depth),
    suggestedPresentationDelay: secondsOf(delay),
    ...forFfmpeg(timeline, start / SAMPLE_RATE, delay + segmentSeconds(grid)),
  };
  return document(
    {
      type: timeline.isStatic ? 'static' : 'dynamic',
      availabilityStartTime: '1970-01-01T00:00:00Z',
      // A Representation leaves when that is decided, and is back with its first segment.
      publishTime: new Date(
        Math.max(declared.changedAt, broadcast.sheds.at(-1)?.at ?? 0),
      ).toISOString(),
      // The presentation's timeline begins at the epoch, and so ends where its last Period does.
      mediaPresentationDuration: samples === undefined ? undefined : durationOf(start + samples),
      minBufferTime: secondsOf(Math.min(delay, segmentSeconds(grid))),
      maxSegmentDuration: longestSegment(grid),
      ...(timeline.isStatic ? {} : live),
    },
    [...(timeline.isStatic ? [] : serviceDescription(broadcast.profile)), text, CLOCK],
  );
}

/**
 * The MPD of a recording: static, from 0.
 * @param base where the renditions' folders are, relative to the MPD, ending in a slash
 * @param runs one Period each; more than one only if segments are missing between them
 */
export function recordingManifest(timeline: Timeline, base: string, runs: readonly Run[]): string {
  let start = 0;
  const periods = runs.map((run) => {
    const { text, samples = 0 } = period(
      timeline,
      { ...run, lead: 0, hasOwnDurations: true },
      start,
    );
    start += samples;
    return text;
  });
  return document(
    {
      type: 'static',
      mediaPresentationDuration: durationOf(start),
      minBufferTime: secondsOf(segmentSeconds(timeline.grid)),
      maxSegmentDuration: longestSegment(timeline.grid),
    },
    [`<BaseURL>${escaped(base)}</BaseURL>`, ...periods],
  );
}
