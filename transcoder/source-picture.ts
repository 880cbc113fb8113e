/** What the filter graph must know of a source's pictures, within a worker's own bounds. */
import { parseSps } from '#common/codec/h264/sps';
import { PipelineError } from '#common/errors';

/** Size, shape of pixels and colour of a source's pictures. */
export interface SourcePicture {
  readonly width: number;
  readonly height: number;
  /** It may be two fields. */
  readonly mayHaveFields: boolean;
  /** Sample aspect ratio; 1:1 if unspecified. */
  readonly sar: { readonly x: number; readonly y: number };
  /** 8 bit 4:2:0. */
  readonly isPlain: boolean;
  readonly isFullRange: boolean;
  /** matrix_coefficients (table E-5); 1 is BT.709, 2 is unspecified. */
  readonly matrix: number;
}

/** Largest side, and macroblocks in a picture: level 6.2 (Rec. ITU-T H.264 table A-1). Ingest takes no more. */
const MAX_DIMENSION = 8192;
const MAX_MACROBLOCKS = 139_264;

/**
 * Reads a sequence parameter set.
 * @param nal the NAL unit with its header byte
 * @throws PipelineError `BAD_MEDIA` if it is truncated or describes no picture that ingest would have taken
 */
export function readSourcePicture(nal: Uint8Array): SourcePicture {
  const parameters = parseSps(nal);
  const { width, height, codedWidth, codedHeight, isInterlaced, sar, isFullRange, matrix } =
    parameters;
  if (
    Math.max(codedWidth, codedHeight) > MAX_DIMENSION ||
    codedWidth * codedHeight > 256 * MAX_MACROBLOCKS
  ) {
    throw new PipelineError('BAD_MEDIA', `a picture of ${codedWidth}x${codedHeight}`);
  }
  const { chromaFormat, lumaBits, chromaBits } = parameters;
  const isPlain = chromaFormat === 1 && lumaBits === 8 && chromaBits === 8;
  return { width, height, mayHaveFields: isInterlaced, sar, isPlain, isFullRange, matrix };
}
