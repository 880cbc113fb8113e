/**
 * Fragmented MP4, written: ISO/IEC 14496-12 (file format), 14496-14 (AAC), 14496-15 (AVC). One function per box,
 * named as the specification names it. Every fragment has one `moof` and one `mdat`; `tfdt` is 64 bit; no edit list.
 */
import { PipelineError } from '../errors.ts';
import { ascii, box, fullBox, u16, u32, u64, u8 } from './fields.ts';

/** An H.264 track. */
export interface VideoTrack {
  readonly kind: 'video';
  readonly id: number;
  /** Ticks a second. */
  readonly timescale: number;
  readonly width: number;
  readonly height: number;
  /** AVCDecoderConfigurationRecord, 14496-15 §5.3.3.1. */
  readonly avcC: Uint8Array;
}

/** An AAC track. */
export interface AudioTrack {
  readonly kind: 'audio';
  readonly id: number;
  readonly timescale: number;
  readonly rate: number;
  readonly channels: number;
  /** AudioSpecificConfig, 14496-3 §1.6.2.1. */
  readonly config: Uint8Array;
  /** Nominal bits a second, 0 when unknown. */
  readonly bitrate?: number;
}

/** Any track. */
export type Track = VideoTrack | AudioTrack;

/** One coded sample; times in the track's timescale. */
export interface Sample {
  readonly duration: number;
  readonly isSync: boolean;
  readonly compositionOffset: number;
  readonly data: Uint8Array;
}

/** The samples of one track in a fragment. */
export interface TrackRun {
  readonly trackId: number;
  readonly decodeTime: number;
  readonly samples: readonly Sample[];
}

const MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

/** §4.3 */
const ftyp = (): Buffer => box('ftyp', ascii('iso6'), u32(0), ascii('iso6cmfc'));

/** §8.2.2 */
const mvhd = (): Buffer =>
  fullBox(
    'mvhd',
    0,
    0,
    u32(0, 0, 1000, 0, 0x10000),
    u16(0x0100),
    Buffer.alloc(10),
    MATRIX,
    Buffer.alloc(24),
    u32(0xffffffff),
  );

/** §8.3.2 */
const tkhd = (track: Track): Buffer =>
  fullBox(
    'tkhd',
    0,
    3,
    u32(0, 0, track.id, 0, 0, 0, 0),
    u16(0),
    u16(track.kind === 'audio' ? 1 : 0),
    u16(track.kind === 'audio' ? 0x0100 : 0),
    u16(0),
    MATRIX,
    track.kind === 'video' ? u32(track.width << 16, track.height << 16) : u32(0, 0),
  );

/** §8.4.2; language "und". */
const mdhd = (track: Track): Buffer =>
  fullBox('mdhd', 0, 0, u32(0, 0, track.timescale, 0), u16(0x55c4), u16(0));

/** §8.4.3 */
const hdlr = (track: Track): Buffer =>
  fullBox(
    'hdlr',
    0,
    0,
    u32(0),
    ascii(track.kind === 'video' ? 'vide' : 'soun'),
    Buffer.alloc(12),
    ascii(track.kind === 'video' ? 'VideoHandler\0' : 'SoundHandler\0'),
  );

/** §8.7.2: the data is in this file. */
const dinf = (): Buffer => box('dinf', fullBox('dref', 0, 0, u32(1), fullBox('url ', 0, 1)));

/** 14496-15 §5.4.2.1 */
const avc1 = (track: VideoTrack): Buffer =>
  box(
    'avc1',
    Buffer.alloc(6),
    u16(1),
    Buffer.alloc(16),
    u16(track.width),
    u16(track.height),
    u32(0x00480000, 0x00480000, 0),
    u16(1),
    Buffer.alloc(32),
    u16(0x0018),
    u16(0xffff),
    box('avcC', track.avcC),
  );

const descriptor = (tag: number, ...payload: Uint8Array[]): Buffer => {
  const body = Buffer.concat(payload);
  const { length } = body;
  return Buffer.concat([
    u8(
      tag,
      0x80 | (length >> 21),
      0x80 | ((length >> 14) & 0x7f),
      0x80 | ((length >> 7) & 0x7f),
      length & 0x7f,
    ),
    body,
  ]);
};

/** 14496-14 §3.1.2, with 14496-1 §7.2.6: object type 0x40 (AAC), stream type 5 (audio). */
const esds = (track: AudioTrack): Buffer =>
  fullBox(
    'esds',
    0,
    0,
    descriptor(
      0x03,
      u16(track.id),
      u8(0),
      descriptor(
        0x04,
        u8(0x40, 0x15, 0, 0, 0),
        u32(track.bitrate ?? 0, track.bitrate ?? 0),
        descriptor(0x05, track.config),
      ),
      descriptor(0x06, u8(2)),
    ),
  );

/** 14496-14 §5.6 */
const mp4a = (track: AudioTrack): Buffer =>
  box(
    'mp4a',
    Buffer.alloc(6),
    u16(1),
    Buffer.alloc(8),
    u16(track.channels),
    u16(16),
    u32(0, track.rate > 0xffff ? 0 : track.rate << 16),
    esds(track),
  );

/** §8.5: sample tables are empty, samples are in fragments. */
const stbl = (track: Track): Buffer =>
  box(
    'stbl',
    fullBox('stsd', 0, 0, u32(1), track.kind === 'video' ? avc1(track) : mp4a(track)),
    fullBox('stts', 0, 0, u32(0)),
    fullBox('stsc', 0, 0, u32(0)),
    fullBox('stsz', 0, 0, u32(0, 0)),
    fullBox('stco', 0, 0, u32(0)),
  );

const minf = (track: Track): Buffer =>
  box(
    'minf',
    track.kind === 'video'
      ? fullBox('vmhd', 0, 1, Buffer.alloc(8))
      : fullBox('smhd', 0, 0, Buffer.alloc(4)),
    dinf(),
    stbl(track),
  );

const trak = (track: Track): Buffer =>
  box('trak', tkhd(track), box('mdia', mdhd(track), hdlr(track), minf(track)));

/** §8.8.3 */
const trex = (track: Track): Buffer => fullBox('trex', 0, 0, u32(track.id, 1, 0, 0, 0));

/** An init segment: `ftyp` and `moov` with empty sample tables. */
export function initSegment(tracks: readonly Track[]): Buffer {
  return Buffer.concat([
    ftyp(),
    box('moov', mvhd(), ...tracks.map(trak), box('mvex', ...tracks.map(trex))),
  ]);
}

/** §8.8.10: flags of a sync sample, and of one that depends on others. */
const SYNC_SAMPLE = 0x02000000;
const NON_SYNC_SAMPLE = 0x01010000;

/** §8.8.8, version 1: composition offsets are signed. Data offset, durations, sizes, flags, offsets present. */
function trun(run: TrackRun, dataOffset: number): Buffer {
  const rows = run.samples.flatMap((sample) => [
    sample.duration,
    sample.data.byteLength,
    sample.isSync ? SYNC_SAMPLE : NON_SYNC_SAMPLE,
    sample.compositionOffset,
  ]);
  return fullBox('trun', 1, 0x000f01, u32(run.samples.length, dataOffset, ...rows));
}

/** §8.8.7 default-base-is-moof, §8.8.12 64 bit. */
const traf = (run: TrackRun, dataOffset: number): Buffer =>
  box(
    'traf',
    fullBox('tfhd', 0, 0x020000, u32(run.trackId)),
    fullBox('tfdt', 1, 0, u64(run.decodeTime)),
    trun(run, dataOffset),
  );

/** A fragment: `moof` and `mdat`, ready to write, and where each sample's bytes lie in it. */
export interface Fragment {
  readonly bytes: Buffer;
  /** For each run, for each sample: offset of its bytes from the fragment's beginning. */
  readonly offsets: readonly (readonly number[])[];
}

/**
 * A media fragment of one or more tracks, samples grouped by track.
 * @param sequence `mfhd` sequence number (§8.8.5)
 */
export function mediaFragment(sequence: number, runs: readonly TrackRun[]): Fragment {
  const moofWith = (offsets: readonly number[]): Buffer =>
    box(
      'moof',
      fullBox('mfhd', 0, 0, u32(sequence)),
      ...runs.map((run, i) => traf(run, offsets[i] ?? 0)),
    );
  const headerBytes = moofWith(runs.map(() => 0)).byteLength + 8;
  let at = headerBytes;
  const offsets = runs.map((run) =>
    run.samples.map((sample) => {
      const offset = at;
      at += sample.data.byteLength;
      return offset;
    }),
  );
  if (at > 0x7fffffff) {
    throw new PipelineError('TOO_LARGE', `a fragment of ${at} bytes is larger than 2 GiB`);
  }
  const moof = moofWith(offsets.map((run) => run[0] ?? headerBytes));
  const payload = runs.flatMap((run) => run.samples.map((sample) => sample.data));
  const mdat = Buffer.concat([u32(at - headerBytes + 8), ascii('mdat')]);
  return { bytes: Buffer.concat([moof, mdat, ...payload], at), offsets };
}

/** 14496-15 §5.3.3.1: one SPS, one PPS, 4-byte NAL lengths; chroma fields for the high profiles (4:2:0, 8 bit). */
export function avcDecoderConfiguration(sps: Uint8Array, pps: Uint8Array): Buffer {
  if (sps.byteLength < 4) {
    throw new PipelineError('BAD_MEDIA', `SPS of ${sps.byteLength} bytes is too short`);
  }
  const [, profile = 0, compatibility = 0, level = 0] = sps;
  const high = [100, 110, 122, 144].includes(profile) ? [u8(0xfd, 0xf8, 0xf8, 0)] : [];
  return Buffer.concat([
    u8(1, profile, compatibility, level, 0xff, 0xe1),
    u16(sps.byteLength),
    sps,
    u8(1),
    u16(pps.byteLength),
    pps,
    ...high,
  ]);
}
