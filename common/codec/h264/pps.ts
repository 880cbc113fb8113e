/** Picture parameter sets, as far as they are looked into (Rec. ITU-T H.264 §7.3.2.2). */
import { PipelineError } from '../../errors.ts';
import { BitReader, rawPayload } from '../bit-reader.ts';

/** What a picture parameter set says. */
export interface PictureParameters {
  /** pic_parameter_set_id. */
  readonly id: number;
  /** seq_parameter_set_id. */
  readonly spsId: number;
}

/**
 * Parses a picture parameter set.
 * @param nal the NAL unit with its header byte
 * @throws BAD_MEDIA if it is truncated, or its ids are none
 */
export function parsePps(nal: Uint8Array): PictureParameters {
  const reader = new BitReader(rawPayload(nal.subarray(1), 16));
  const id = reader.unsigned();
  const spsId = reader.unsigned();
  if (id > 255 || spsId > 31) {
    throw new PipelineError('BAD_MEDIA', `picture parameter set ${id} of sequence set ${spsId}`);
  }
  return { id, spsId };
}
