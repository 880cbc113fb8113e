/** Which pictures are taken, by their sequence parameter set, and in which words others are refused. */
import {
  isKnownProfile,
  parseSps,
  profileOf,
  type SequenceParameters,
} from '#common/codec/h264/sps';
import { PipelineError } from '#common/errors';

/** Largest width or height taken, in luma samples. */
const MAX_DIMENSION = 8192;
/** Smallest side, after cropping. */
const MIN_DIMENSION = 16;
/** Largest number of macroblocks in a picture: level 6.2 (Rec. ITU-T H.264 table A-1). */
const MAX_MACROBLOCKS = 139_264;
/** Of the longer side to the shorter, beyond which a ladder has no sizes. */
const MAX_ASPECT = 8;
/** Bits of a sample that decoders know (8 to 14 are allowed). */
const BIT_DEPTHS = new Set([8, 9, 10, 12, 14]);

const ADVICE = 'set the encoder to H.264 High profile, 8 bit, 4:2:0';
const unsupported = (what: string): PipelineError =>
  new PipelineError('UNSUPPORTED_MEDIA', `${what}: ${ADVICE}`);

/**
 * The size to show a picture in, in square pixels: its lines, as wide as its pixels' shape makes them. A shape that no
 * ladder has sizes for does not count.
 */
export function shownSize({ width, height, sar }: SequenceParameters): {
  readonly width: number;
  readonly height: number;
} {
  const shown = Math.round((width * sar.x) / sar.y);
  const isFit =
    shown <= MAX_DIMENSION && shown <= MAX_ASPECT * height && height <= MAX_ASPECT * shown;
  return { width: isFit ? shown : width, height };
}

function checkSamples({ hasSeparatePlanes, lumaBits, chromaBits }: SequenceParameters): void {
  if (hasSeparatePlanes) {
    throw unsupported('colour planes are coded separately');
  }
  if (!BIT_DEPTHS.has(lumaBits) || lumaBits !== chromaBits) {
    throw unsupported(`a picture of ${lumaBits} and ${chromaBits} bit`);
  }
}

/** Every rung of a ladder must be possible of such a picture. */
function checkSize({ codedWidth, codedHeight, width, height }: SequenceParameters): void {
  if (
    codedWidth > MAX_DIMENSION ||
    codedHeight > MAX_DIMENSION ||
    (codedWidth / 16) * (codedHeight / 16) > MAX_MACROBLOCKS
  ) {
    const most = 'at most 8192x4320 is taken, set a smaller output size in the encoder';
    throw new PipelineError(
      'UNSUPPORTED_MEDIA',
      `a picture of ${codedWidth}x${codedHeight} is too large: ${most}`,
    );
  }
  const [shorter, longer] = width < height ? [width, height] : [height, width];
  if (shorter < MIN_DIMENSION || longer > MAX_ASPECT * shorter) {
    const least = `both sides need ${MIN_DIMENSION} or more, the longer at most ${MAX_ASPECT} times the shorter`;
    throw new PipelineError(
      'UNSUPPORTED_MEDIA',
      `a picture of ${width}x${height} is too small or too long: ${least}`,
    );
  }
}

/**
 * Parses a feed's sequence parameter set.
 * @param nal the NAL unit with its header byte
 * @throws BAD_MEDIA if it is truncated or contradicts itself, UNSUPPORTED_MEDIA if no decoder or ladder takes such a picture
 */
export function acceptSps(nal: Uint8Array): SequenceParameters {
  const profile = profileOf(nal);
  if (nal.length > 1 && !isKnownProfile(profile)) {
    throw unsupported(`H.264 profile ${profile}`);
  }
  const parameters = parseSps(nal);
  checkSamples(parameters);
  checkSize(parameters);
  return parameters;
}
