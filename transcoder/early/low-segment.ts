/** A segment of a low-latency profile: what size its pictures are decoded to, and its fragments as a whole. */
import type { Rendition, VideoRendition } from '#common/contracts/rendition';
import type { Task } from '#common/contracts/task';
import { PipelineError } from '#common/errors';
import { AAC_FRAME_SAMPLES, aacFramesOf, firstFrame, type Grid } from '#common/grid';
import type { SegmentNumber } from '#common/time';
import type { MadeSegment } from '../made-segment.ts';
import type { FrameSize } from './picture-commands.ts';
import type { RenditionFragment } from './picture-encoder.ts';

/**
 * What a task's pictures are decoded to: the size of its largest rendition, unless it says another.
 * @throws PipelineError `BAD_REQUEST` when none is of pictures
 */
export function frameSizeOf({
  renditions,
  decoded,
}: Pick<Task, 'renditions' | 'decoded'>): FrameSize {
  const [largest] = renditions
    .filter((rendition): rendition is VideoRendition => rendition.kind === 'video')
    .toSorted((a, b) => b.height - a.height);
  if (largest === undefined) {
    throw new PipelineError('BAD_REQUEST', 'a low-latency task without pictures');
  }
  return decoded ?? { width: largest.width, height: largest.height };
}

/** A rendition's fragments as its whole segment. */
export function segmentOf(
  grid: Grid,
  n: SegmentNumber,
  rendition: Rendition,
  fragments: readonly RenditionFragment[],
): MadeSegment {
  const own = fragments.filter((fragment) => fragment.rendition === rendition.id);
  const init = own[0]?.init ?? Buffer.alloc(0);
  const data = Buffer.concat(own.map(({ bytes }) => bytes));
  if (rendition.kind === 'video') {
    const first = firstFrame(grid, n) * grid.frameTicks;
    const frames = grid.segmentFrames;
    return {
      rendition: rendition.id,
      init,
      data,
      frames,
      first,
      end: first + frames * grid.frameTicks,
    };
  }
  const { first, end } = aacFramesOf(grid, n);
  return {
    rendition: rendition.id,
    init,
    data,
    frames: end - first,
    first: first * AAC_FRAME_SAMPLES,
    end: end * AAC_FRAME_SAMPLES,
  };
}
