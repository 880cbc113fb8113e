/** Whether segments lie exactly on the grid. Read with mp4box, so that no reader of ours vouches for our writer. */
import { createFile, MP4BoxBuffer } from 'mp4box';
import { AAC_FRAME_SAMPLES, aacFramesOf, SAMPLE_RATE, type Grid } from '#common/grid';
import { segmentNumber } from '#common/time';

/** One sample of a track. */
export interface SampleTime {
  readonly dts: number;
  readonly cts: number;
  readonly duration: number;
  readonly isSync: boolean;
}

/** A segment's only track. */
export interface SegmentTiming {
  readonly n: number;
  readonly kind: string;
  readonly timescale: number;
  readonly width: number;
  readonly height: number;
  readonly samples: readonly SampleTime[];
}

/** Parses a segment behind its init segment. */
export function readSegmentTiming(n: number, init: Buffer, segment: Buffer): SegmentTiming {
  const file = createFile();
  const bytes = new Uint8Array(init.length + segment.length);
  bytes.set(init);
  bytes.set(segment, init.length);
  file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(bytes.buffer, 0));
  file.flush();
  const tracks = file.getInfo().tracks;
  const track = tracks[0];
  if (track === undefined || tracks.length !== 1) {
    throw new Error(`segment ${n} has ${tracks.length} tracks`);
  }
  return {
    n,
    kind: track.type ?? 'unknown',
    timescale: track.timescale,
    width: track.video?.width ?? 0,
    height: track.video?.height ?? 0,
    samples: file.getTrackSamplesInfo(track.id).map((sample) => ({
      dts: sample.dts,
      cts: sample.cts,
      duration: sample.duration,
      isSync: sample.is_sync,
    })),
  };
}

/** What is wrong with a picture rendition's segments; nothing when all are exact and follow one another. */
export function videoProblems(grid: Grid, segments: readonly SegmentTiming[]): string[] {
  const problems = orderProblems(segments);
  const ticks = grid.frameTicks;
  for (const segment of segments) {
    const { n, samples } = segment;
    const first = n * grid.segmentFrames * ticks;
    const say = (what: string): void => void problems.push(`segment ${n}: ${what}`);
    if (segment.timescale !== grid.timescale) {
      say(`timescale ${segment.timescale}, not ${grid.timescale}`);
    }
    if (samples.length !== grid.segmentFrames) {
      say(`${samples.length} frames, not ${grid.segmentFrames}`);
    }
    if (samples[0]?.dts !== first) {
      say(`first decode time ${samples[0]?.dts}, not ${first}`);
    }
    if (samples[0]?.isSync !== true) {
      say('does not begin with a sync sample');
    }
    if (
      samples.some((sample, i) => sample.dts !== first + i * ticks || sample.duration !== ticks)
    ) {
      say('a decode time step is not one frame');
    }
    const shown = samples.map((sample) => sample.cts).sort((a, b) => a - b);
    if (shown.some((cts, i) => cts !== first + i * ticks)) {
      say('a presentation time is not on its place');
    }
  }
  return problems;
}

/** What is wrong with a sound rendition's segments. */
export function audioProblems(grid: Grid, segments: readonly SegmentTiming[]): string[] {
  const problems = orderProblems(segments);
  for (const segment of segments) {
    const { n, samples } = segment;
    const { first, end } = aacFramesOf(grid, segmentNumber(n));
    const say = (what: string): void => void problems.push(`segment ${n}: ${what}`);
    if (segment.timescale !== SAMPLE_RATE) {
      say(`timescale ${segment.timescale}`);
    }
    if (samples.length !== end - first) {
      say(`${samples.length} AAC frames, not ${end - first}`);
    }
    const isExact = samples.every(
      (sample, i) =>
        sample.dts === (first + i) * AAC_FRAME_SAMPLES &&
        sample.cts === sample.dts &&
        sample.duration === AAC_FRAME_SAMPLES,
    );
    if (!isExact) {
      say(`times are not ${first}·1024 and steps of 1024`);
    }
  }
  return problems;
}

function orderProblems(segments: readonly SegmentTiming[]): string[] {
  return segments.flatMap((segment, i) => {
    const before = segments[i - 1];
    return before === undefined || segment.n === before.n + 1
      ? []
      : [`segment ${segment.n} follows ${before.n}`];
  });
}
