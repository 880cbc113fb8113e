/** One fragment of a raw chunk: coded frames as fragmented MP4 in grid time, and a row for each. Pure. */
import type { CodedFrame } from '#common/contracts/frame';
import { FRAME_FLAGS } from '#common/contracts/log';
import type { RawFrame } from '#common/contracts/raw-chunk';
import { AAC_FRAME_SAMPLES, SAMPLE_RATE, type Grid } from '#common/grid';
import {
  avcDecoderConfiguration,
  initSegment,
  mediaFragment,
  type Sample,
  type TrackRun,
} from '#common/mp4/write';

/** A frame with the publisher's own times and its arrival, milliseconds. */
export interface RawInput {
  readonly frame: CodedFrame;
  readonly source: { readonly dts: number; readonly pts: number; readonly arrival: number };
}

/** What a raw chunk's header says of the picture and the sound. */
export interface RawTracks {
  /** Undefined: none came yet. */
  readonly picture:
    | {
        readonly width: number;
        readonly height: number;
        readonly sps: Uint8Array;
        readonly pps: Uint8Array;
      }
    | undefined;
  /** The sound's AudioSpecificConfig, if any came. */
  readonly audio:
    { readonly rate: number; readonly channels: number; readonly config: Uint8Array } | undefined;
}

const VIDEO_TRACK = 1;
const AUDIO_TRACK = 2;
/** AAC-LC, 48 kHz, stereo: declared when sound has not come yet; rows carry the true configuration. */
const DEFAULT_AUDIO = { rate: SAMPLE_RATE, channels: 2, config: Uint8Array.of(0x11, 0x90) };

/** The header of a raw chunk: picture in grid ticks, sound in 48 kHz samples. */
export function rawHeader(grid: Grid, tracks: RawTracks): Buffer {
  const { picture, audio = DEFAULT_AUDIO } = tracks;
  const sound = { kind: 'audio', id: AUDIO_TRACK, timescale: SAMPLE_RATE, ...audio } as const;
  if (picture === undefined) {
    return initSegment([sound]);
  }
  const { width, height, sps, pps } = picture;
  return initSegment([
    {
      kind: 'video',
      id: VIDEO_TRACK,
      timescale: grid.timescale,
      width,
      height,
      avcC: avcDecoderConfiguration(sps, pps),
    },
    sound,
  ]);
}

/** First sample of an AAC frame on the 48 kHz grid, rounded: MP4 counts in whole ticks, rows say it exactly. */
const soundTime = (origin: number, k: number, rate: number): number =>
  origin + Math.round((k * AAC_FRAME_SAMPLES * SAMPLE_RATE) / rate);

/**
 * Writes frames as one fragment.
 * @param sequence number of the fragment, from 1
 * @param offset where the fragment will begin in the file
 */
export function rawFragment(
  grid: Grid,
  inputs: readonly RawInput[],
  sequence: number,
  offset: number,
): { readonly bytes: Buffer; readonly rows: RawFrame[] } {
  const runs: { run: TrackRun & { samples: Sample[] }; inputs: RawInput[]; key: string }[] = [];
  const runOf = (key: string, trackId: number, decodeTime: number): (typeof runs)[number] => {
    let found = runs.find((candidate) => candidate.key === key);
    if (found === undefined) {
      found = { run: { trackId, decodeTime, samples: [] }, inputs: [], key };
      runs.push(found);
    }
    return found;
  };
  const video = inputs.flatMap(({ frame }) => (frame.kind === 'video' ? [frame] : []));
  let videoAt = 0;
  for (const input of inputs) {
    const { frame } = input;
    if (frame.kind === 'video') {
      const target = runOf('video', VIDEO_TRACK, frame.dts);
      videoAt += 1;
      target.inputs.push(input);
      target.run.samples.push({
        duration: (video[videoAt]?.dts ?? frame.dts + grid.frameTicks) - frame.dts,
        isSync: (frame.flags & FRAME_FLAGS.start) !== 0,
        compositionOffset: frame.index * grid.frameTicks - frame.dts,
        data: frame.data,
      });
      continue;
    }
    const { origin, k, rate } = frame;
    const start = soundTime(origin, k, rate);
    const target = runOf(`sound ${origin} ${rate}`, AUDIO_TRACK, start);
    target.inputs.push(input);
    target.run.samples.push({
      duration: soundTime(origin, k + 1, rate) - start,
      isSync: true,
      compositionOffset: 0,
      data: frame.data,
    });
  }
  const fragment = mediaFragment(
    sequence,
    runs.map(({ run }) => run),
  );
  const rows = runs.flatMap(({ inputs: members }, i) =>
    members.map((input, j) => rowOf(input, offset + (fragment.offsets[i]?.[j] ?? 0))),
  );
  rows.sort((a, b) => a.seq - b.seq);
  return { bytes: fragment.bytes, rows };
}

function rowOf({ frame, source }: RawInput, offset: number): RawFrame {
  const { seq, data } = frame;
  if (frame.kind === 'video') {
    const { index, dts, flags } = frame;
    return { kind: 'video', seq, offset, size: data.byteLength, index, dts, flags, source };
  }
  return {
    kind: 'audio',
    seq,
    offset,
    size: data.byteLength,
    origin: frame.origin,
    k: frame.k,
    rate: frame.rate,
    channels: frame.channels,
    config: Buffer.from(frame.config).toString('hex'),
    source: { dts: source.dts, arrival: source.arrival },
  };
}
