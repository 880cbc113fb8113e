/** A plan's pictures as one fragmented MP4, written by us so that every timestamp ffmpeg sees is ours. */
import { isSlice, NAL, nalType, nalUnits } from '#common/codec/h264/nal-units';
import { PipelineError } from '#common/errors';
import { avcDecoderConfiguration, initSegment, mediaFragment } from '#common/mp4/write';
import type { PicturePlan } from './picture-plan.ts';
import { readSourcePicture, type SourcePicture } from './source-picture.ts';

/** What goes into ffmpeg, and what the pictures in it are like (each different one once). */
export interface PictureInput {
  readonly bytes: Buffer;
  readonly pictures: readonly SourcePicture[];
}

/**
 * Writes the input. Decode times are all 0 and composition offsets carry the timestamps: decode order is the order
 * in the file, and a decoder that doubts timestamps has no decode times to prefer.
 * @throws PipelineError `BAD_MEDIA` when the first picture carries no parameter sets
 */
export function writePictureInput(plan: PicturePlan): PictureInput {
  const first = plan.pictures[0];
  const { sps, pps } = first === undefined ? {} : parameterSets(first.data);
  if (sps === undefined || pps === undefined) {
    throw new PipelineError('BAD_MEDIA', 'the first picture carries no parameter sets');
  }
  const size = readSourcePicture(sps);
  const init = initSegment([
    {
      kind: 'video',
      id: 1,
      timescale: plan.timescale,
      width: size.width,
      height: size.height,
      avcC: avcDecoderConfiguration(sps, pps),
    },
  ]);
  const samples = plan.pictures.map((picture, i) => ({
    duration: 0,
    isSync: i === 0,
    compositionOffset: picture.pts,
    data: picture.data,
  }));
  const { bytes } = mediaFragment(1, [{ trackId: 1, decodeTime: 0, samples }]);
  return { bytes: Buffer.concat([init, bytes]), pictures: distinctPictures(plan) };
}

/** The parameter sets in a sample, the first of each kind. */
export function parameterSets(sample: Uint8Array): {
  readonly sps: Uint8Array | undefined;
  readonly pps: Uint8Array | undefined;
} {
  let sps: Uint8Array | undefined;
  let pps: Uint8Array | undefined;
  for (const unit of nalUnits(sample)) {
    if (nalType(unit) === NAL.sps) {
      sps ??= unit;
    } else if (nalType(unit) === NAL.pps) {
      pps ??= unit;
    } else if (isSlice(unit)) {
      break;
    }
  }
  return { sps, pps };
}

function distinctPictures(plan: PicturePlan): SourcePicture[] {
  const found = new Map<string, SourcePicture>();
  for (const { data } of plan.pictures) {
    for (const unit of nalUnits(data)) {
      if (nalType(unit) === NAL.sps) {
        const key = Buffer.from(unit.buffer, unit.byteOffset, unit.byteLength).toString('latin1');
        if (!found.has(key)) {
          found.set(key, readSourcePicture(unit));
        }
      }
    }
  }
  return [...found.values()];
}
