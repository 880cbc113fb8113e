/**
 * DASH manifests, written. ISO/IEC 23009-1; section numbers below are its. Pure.
 *
 * Segments are addressed by `$Number$` with a constant duration, so a live MPD says nothing that grows and a reload
 * is nearly always a 304. A client computes which numbers exist from the wall clock: number `n` from the moment its
 * place on the grid has passed. Ours exist some seconds later. What the players make of that (dash.js 5.2.1):
 * - `@suggestedPresentationDelay` is where playback begins; it does not limit what is fetched. dash.js buffers up to
 *   18 s and so always asks for the newest number the clock allows (`_isSegmentAvailable` compares with the end of
 *   the segment minus `@availabilityTimeOffset` only). A pipeline that is `k` segments late is asked for numbers up
 *   to `k` ahead of the newest published one; the server holds those (`server.ts`), for the fetch timeout is 20 s.
 *   One that is held is no error, one 404 would freeze the player.
 * - The delay must therefore cover lateness, a segment that is being fetched and some more in the buffer: three
 *   segments, and the segments of lateness that `declared.ts` has measured, two before any were.
 * - `@availabilityStartTime` stays the epoch and `Period@start` the broadcast's grid time, so that every service and
 *   player computes the same number from the same clock; neither is shifted to hide lateness.
 * - When the MPD becomes static dash.js stops fetching at once (`mediaHasFinished`). So a broadcast that has ended
 *   first gets its `Period@duration`, and turns static once players have had time to fetch the rest.
 */
import type { AudioRendition, Rendition, VideoRendition } from '#common/contracts/rendition';
import { SAMPLE_RATE, firstFrame, firstSample, segmentSeconds, type Grid } from '#common/grid';
import { PLAYERS_BEHIND_SEGMENTS } from '#common/lateness';
import { segmentNumber } from '#common/time';
import { initFile } from './names.ts';
import type { Timeline } from './timeline.ts';
import { expectedOf } from './verify.ts';

/** Live players reload this often at most; a 304 nearly always. */
export const UPDATE_SECONDS = 2;

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

const secondsOf = (value: number): string => `PT${value.toFixed(3).replace(/\.?0+$/, '')}S`;

/** A stretch of numbers that all exist; `last` is undefined while the broadcast is on air. */
export interface Run {
  readonly first: number;
  readonly last: number | undefined;
}

interface Addressing extends Run {
  /** ffmpeg (5.1) asks for one number too many of a finished template with a constant duration, and calls its 404 an error. */
  readonly hasOwnDurations: boolean;
}

/** §5.3.9.6: every segment's exact length, equal ones in a row together. */
function segmentTimeline(grid: Grid, rendition: Rendition, first: number, last: number): string {
  const rows: { readonly t: number; readonly d: number; r: number }[] = [];
  for (let n = first; n <= last; n += 1) {
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
  { grid, inits }: Timeline,
  rendition: Rendition,
  { first, last, hasOwnDurations }: Addressing,
): string {
  const n = segmentNumber(first);
  const isVideo = rendition.kind === 'video';
  const init = inits.get(rendition.id);
  const duration = isVideo ? grid.segmentFrames * grid.frameTicks : grid.segmentSamples;
  const isListed = hasOwnDurations && last !== undefined;
  return element(
    'SegmentTemplate',
    {
      timescale: isVideo ? grid.timescale : SAMPLE_RATE,
      duration: isListed ? undefined : duration,
      startNumber: first,
      presentationTimeOffset: isVideo
        ? firstFrame(grid, n) * grid.frameTicks
        : firstSample(grid, n),
      initialization: init === undefined ? undefined : `$RepresentationID$/${initFile(init)}`,
      media: '$RepresentationID$/$Number$.m4s',
    },
    isListed ? [segmentTimeline(grid, rendition, first, last)] : [],
  );
}

/** §5.3.3 with one Representation (§5.3.5) per picture, the highest first. */
function videoSet(timeline: Timeline, run: Addressing): string | undefined {
  const { broadcast, grid, declared } = timeline;
  const pictures = broadcast.renditions
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
  const { broadcast, declared } = timeline;
  const sounds = broadcast.renditions.filter(
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

/** §5.3.2. */
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
      start: durationOf(startSamples),
      duration: samples === undefined ? undefined : durationOf(samples),
    },
    sets.filter((set) => set !== undefined),
  );
  return { text, samples };
}

const document = (attributes: Attributes, children: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${element(
    'MPD',
    { xmlns: 'urn:mpeg:dash:schema:mpd:2011', profiles: PROFILES, ...attributes },
    children,
  )}\n`;

/** Nominal length; sound's segments are up to one AAC frame longer. */
const longestSegment = (grid: Grid): string => secondsOf(segmentSeconds(grid) + 1024 / SAMPLE_RATE);

/**
 * The MPD of `/live`: one Period on the epoch's timeline. Dynamic while on air; once the end is known with its
 * duration; static at last, on the same timeline, so that players go on where they are.
 */
export function liveManifest(timeline: Timeline): string {
  const { broadcast, grid, declared } = timeline;
  const last = broadcast.last ?? undefined;
  const first = broadcast.broadcast;
  const start = first * grid.segmentSamples;
  const run = { first, last, hasOwnDurations: timeline.isStatic };
  const { text, samples } = period(timeline, run, start);
  const delay = (PLAYERS_BEHIND_SEGMENTS.standard + declared.lateSegments) * segmentSeconds(grid);
  const live: Attributes = {
    minimumUpdatePeriod: secondsOf(UPDATE_SECONDS),
    // The window must hold where playback begins.
    timeShiftBufferDepth: secondsOf(Math.max(broadcast.dvrSeconds, delay + segmentSeconds(grid))),
    suggestedPresentationDelay: secondsOf(delay),
  };
  return document(
    {
      type: timeline.isStatic ? 'static' : 'dynamic',
      availabilityStartTime: '1970-01-01T00:00:00Z',
      publishTime: new Date(declared.changedAt).toISOString(),
      // The presentation's timeline begins at the epoch, and so ends where its last Period does.
      mediaPresentationDuration: samples === undefined ? undefined : durationOf(start + samples),
      minBufferTime: secondsOf(segmentSeconds(grid)),
      maxSegmentDuration: longestSegment(grid),
      ...(timeline.isStatic ? {} : live),
    },
    [
      text,
      element('UTCTiming', { schemeIdUri: 'urn:mpeg:dash:utc:http-iso:2014', value: '/time' }),
    ],
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
    const { text, samples = 0 } = period(timeline, { ...run, hasOwnDurations: true }, start);
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
