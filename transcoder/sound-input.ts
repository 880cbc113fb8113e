/** A span's AAC frames as fragmented MP4: unlike ADTS it carries any AudioSpecificConfig, SBR's included. */
import { AAC_FRAME_SAMPLES } from '#common/grid';
import { initSegment, mediaFragment } from '#common/mp4/write';
import type { SpanPiece } from './sound-plan.ts';

/** Writes the input of one span; its first frame is at time 0. */
export function writeSoundInput(piece: SpanPiece): Buffer {
  const init = initSegment([
    {
      kind: 'audio',
      id: 1,
      timescale: piece.coreRate,
      rate: piece.coreRate,
      channels: piece.isMono ? 1 : 2,
      config: piece.config,
    },
  ]);
  const samples = piece.frames.map((frame) => ({
    duration: AAC_FRAME_SAMPLES,
    isSync: true,
    compositionOffset: 0,
    data: frame.data,
  }));
  return Buffer.concat([init, mediaFragment(1, [{ trackId: 1, decodeTime: 0, samples }]).bytes]);
}
