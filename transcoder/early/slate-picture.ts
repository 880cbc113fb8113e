/** The slate as a raw frame. */
import type { VideoFrame } from '#common/contracts/frame';
import { FRAME_FLAGS } from '#common/contracts/log';
import { PipelineError } from '#common/errors';
import { frameIndex } from '#common/time';
import { parameterSets } from '../picture-input.ts';
import { readSourcePicture } from '../source-picture.ts';
import type { Encoder } from '../transcode.ts';
import type { FrameSize } from './picture-commands.ts';
import { PictureDecoder } from './picture-decoder.ts';

/**
 * Decodes the slate's coded picture to a size.
 * @throws PipelineError `BAD_MEDIA` when it cannot be decoded
 */
export async function decodeSlate(
  data: Uint8Array,
  size: FrameSize,
  encoder: Encoder,
  signal: AbortSignal,
): Promise<Buffer> {
  const { sps, pps } = parameterSets(data);
  if (sps === undefined || pps === undefined) {
    throw new PipelineError('BAD_MEDIA', 'the slate carries no parameter sets');
  }
  let slate: Buffer | undefined;
  const source = readSourcePicture(sps);
  const decoder = new PictureDecoder(
    { ...encoder, source, parameters: { sps, pps }, size, signal },
    (_seq, picture) => {
      // It lives longer than its decoder: never released, it is nobody else's.
      slate = picture.frame.data;
    },
  );
  const frame: VideoFrame = {
    kind: 'video',
    seq: 0,
    index: frameIndex(0),
    dts: 0,
    flags: FRAME_FLAGS.start | FRAME_FLAGS.idr,
    data,
  };
  decoder.feed(frame);
  decoder.end();
  await decoder.done;
  if (slate === undefined) {
    throw new PipelineError('BAD_MEDIA', 'the slate cannot be decoded');
  }
  return slate;
}
