/** Coded frames as ingest would give them, cut from a file that ffmpeg made. */
import { execFileSync } from 'node:child_process';
import { parseAvcConfiguration } from '#common/codec/h264/avc-configuration';
import { isSlice, joinSample, nalType, nalUnits } from '#common/codec/h264/nal-units';
import { isOfFields } from '#common/codec/h264/scan';
import { hasRecoveryPointZero, readPictureTiming } from '#common/codec/h264/sei';
import { isIntraSlice, readSlicePicture } from '#common/codec/h264/slice';
import { parseSps } from '#common/codec/h264/sps';
import { FRAME_FLAGS } from '#common/contracts/log';
import type { AudioFrame, VideoFrame } from '#common/contracts/frame';
import { boxes, findBox, readFragment, splitInit } from '#common/mp4/read';
import { frameIndex, samplePosition } from '#common/time';

/** Runs ffmpeg and gives its standard output. */
export function ffmpegOutput(args: readonly string[], input?: Uint8Array): Buffer {
  return execFileSync('ffmpeg', ['-v', 'error', '-nostdin', ...args], {
    maxBuffer: 1 << 30,
    ...(input === undefined ? {} : { input }),
  });
}

interface RawSample {
  readonly data: Buffer;
  readonly pts: number;
}

function samplesOf(file: string, map: string): { init: Buffer; samples: RawSample[] } {
  const all = ffmpegOutput([
    ...['-i', file, '-map', map, '-c', 'copy', '-f', 'mp4', '-use_editlist', '0'],
    ...['-movflags', 'empty_moov+default_base_moof+negative_cts_offsets+skip_trailer'],
    ...['-frag_duration', '5000000', 'pipe:1'],
  ]);
  const { init, media } = splitInit(all);
  const info = readFragment(media);
  const samples: RawSample[] = [];
  let mdats = [...boxes(media)].filter((box) => box.type === 'mdat');
  let at = (mdats[0]?.start ?? 0) + (mdats[0]?.headerSize ?? 0);
  let dts = info.decodeTime;
  info.sizes.forEach((size, i) => {
    if (mdats[0] !== undefined && at >= mdats[0].end) {
      mdats = mdats.slice(1);
      at = (mdats[0]?.start ?? 0) + (mdats[0]?.headerSize ?? 0);
    }
    samples.push({
      data: media.subarray(at, at + size),
      pts: dts + (info.compositionOffsets[i] ?? 0),
    });
    at += size;
    dts += info.durations[i] ?? 0;
  });
  return { init, samples };
}

/**
 * The pictures of a file as coded frames in decode order, parameter sets in-band before start points.
 * @param place grid index of each presented picture, counted from 0; undefined numbers them one after another
 */
export function codedVideo(
  file: string,
  firstIndex: number,
  place: (presented: number) => number = (presented) => presented,
  firstSeq = 0,
): VideoFrame[] {
  const { init, samples } = samplesOf(file, '0:v:0');
  const avc1 = findBox(init, ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd']);
  const stsd = init.subarray(avc1?.start ?? 0, avc1?.end ?? 0);
  const avcC = stsd.subarray(stsd.indexOf('avcC', 0, 'latin1') + 4);
  const configuration = parseAvcConfiguration(avcC);
  const order = samples.map((sample) => sample.pts).toSorted((a, b) => a - b);
  const ranks = new Map(order.map((pts, rank) => [pts, rank]));
  const sps = parseSps(configuration.sps[0] ?? new Uint8Array());
  let fields = true;
  return samples.map((sample, i) => {
    const units = [...nalUnits(sample.data, configuration.lengthSize)];
    const isIdr = units.some((unit) => nalType(unit) === 5);
    const isRecovery =
      units.some((unit) => nalType(unit) === 6 && hasRecoveryPointZero(unit)) &&
      units.filter((unit) => nalType(unit) === 1).every(isIntraSlice);
    const isStart = isIdr || isRecovery;
    const slice = units.find(isSlice) ?? new Uint8Array();
    const timing = units
      .filter((unit) => nalType(unit) === 6)
      .map((unit) => readPictureTiming(unit, sps.pictureTiming))
      .find((found) => found !== undefined);
    const structure = readSlicePicture(slice, sps)?.structure ?? 'frame';
    fields = isOfFields(sps, structure, timing, fields);
    const inBand = isStart ? [...configuration.sps, ...configuration.pps] : [];
    return {
      kind: 'video',
      seq: firstSeq + i,
      index: frameIndex(firstIndex + place(ranks.get(sample.pts) ?? 0)),
      dts: i,
      flags:
        (isStart ? FRAME_FLAGS.start : 0) |
        (isIdr ? FRAME_FLAGS.idr : 0) |
        (fields ? FRAME_FLAGS.fields : 0),
      data: joinSample([...inBand, ...units]),
    };
  });
}

/** The sound of a file as AAC frames of one run. */
export function codedAudio(file: string, origin: number, firstSeq = 0): AudioFrame[] {
  const { init, samples } = samplesOf(file, '0:a:0');
  const box = findBox(init, ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd']);
  const stsd = init.subarray(box?.start ?? 0, box?.end ?? 0);
  const at = stsd.indexOf('esds', 0, 'latin1');
  const config = decoderSpecificInfo(stsd.subarray(at + 8));
  const mp4a = stsd.indexOf('mp4a', 0, 'latin1') + 4;
  return samples.map((sample, k) => ({
    kind: 'audio',
    seq: firstSeq + k,
    origin: samplePosition(origin),
    k,
    rate: stsd.readUInt16BE(mp4a + 24),
    channels: ((config[1] ?? 0) >> 3) & 15,
    config,
    data: Buffer.from(sample.data),
  }));
}

/** Finds descriptor 5 in an ES descriptor (ISO/IEC 14496-1 §7.2.6). */
function decoderSpecificInfo(bytes: Buffer): Buffer {
  let at = 0;
  for (;;) {
    const tag = bytes[at] ?? 0;
    at += 1;
    let size = 0;
    for (let more = true; more; at += 1) {
      const byte = bytes[at] ?? 0;
      size = size * 128 + (byte & 127);
      more = byte >= 128;
    }
    if (tag === 5) {
      return Buffer.from(bytes.subarray(at, at + size));
    }
    at += tag === 3 ? 3 : tag === 4 ? 13 : size;
  }
}
