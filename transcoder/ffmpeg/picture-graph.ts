/** The filter graph from decoded pictures to the ladder's sizes. */
import type { VideoRendition } from '#common/contracts/rendition';
import type { Grid } from '#common/grid';
import type { PicturePlan } from '../picture-plan.ts';
import type { SourcePicture } from '../source-picture.ts';

/** Width of the preview, pixels; its height follows. */
export const PREVIEW_WIDTH = 320;

/**
 * swscale's slowest rounding is the only one that gives the same pixels on every CPU. Each size is scaled from the
 * next larger one, which costs less than scaling each from the source.
 */
export const SCALER_FLAGS = 'flags=bicubic+accurate_rnd+bitexact';

/** matrix_coefficients of H.264 table E-5. */
const BT709 = 1;
const UNSPECIFIED = 2;

/** Labels of the graph's outputs, by rendition, and of the preview. */
export const videoPad = (rendition: VideoRendition): string => `[${rendition.id}]`;
export const PREVIEW_PAD = '[preview]';

/** Whether a picture fills a frame but for the rounding of its sides to even numbers. */
function fills(source: SourcePicture, frame: { width: number; height: number }): boolean {
  const shape = (source.width * source.sar.x) / (source.height * source.sar.y);
  return Math.abs(frame.height * shape - frame.width) < 2;
}

/**
 * Brings pictures to `frame`: scaled, or letterboxed when any of them has another shape. Sizes may change
 * from picture to picture, so the letterboxing form computes for each.
 */
export function fit(
  sources: readonly SourcePicture[],
  frame: { width: number; height: number },
): string {
  const { width, height } = frame;
  const isBt709 = sources.every((s) => s.matrix === BT709 || s.matrix === UNSPECIFIED);
  const isPlain = isBt709 && sources.every((s) => s.isPlain && !s.isFullRange);
  const knownMatrix = sources.every((s) => s.matrix === UNSPECIFIED)
    ? ':in_color_matrix=bt709'
    : '';
  const colour = isPlain ? '' : `${knownMatrix}:out_color_matrix=bt709:out_range=tv`;
  if (sources.every((s) => fills(s, frame))) {
    // A picture of this size passes untouched. The filter is there all the same: whatever a damaged stream decodes to,
    // the encoder must never be given another size than it was opened with.
    return `scale=w=${width}:h=${height}:eval=frame:${SCALER_FLAGS}${colour},format=yuv420p`;
  }
  return [
    `scale=w='clip(2*round(${height}*dar/2),2,${width})':h='clip(2*round(${width}/dar/2),2,${height})':eval=frame:${SCALER_FLAGS}${colour}`,
    'format=yuv420p',
    `pad=w=${width}:h=${height}:x='2*floor((ow-iw)/4)':y='2*floor((oh-ih)/4)':eval=frame`,
  ].join(',');
}

/**
 * Brings pictures to one size and deinterlaces those of two fields to field rate (bwdif; the decoder says which, by the
 * rules of its kind). It is given neighbours only, so that what it makes of a picture does not depend on where decoding
 * began. It reads memory by its first picture's size, so all are given one size before: that of the pictures of fields, which
 * are left as they are. Scaled, they would lose lines, and their shape where the stream does not name it.
 */
function deinterlace(
  fieldTicks: number,
  secondFields: PicturePlan['secondFields'],
  sources: readonly SourcePicture[],
): string[] {
  const [fields] = sources
    .filter(({ mayHaveFields }) => mayHaveFields)
    .toSorted((a, b) => b.width * b.height - a.width * a.height);
  const { width = 0, height = 0 } = fields ?? sources[0] ?? {};
  return [
    `select='not(mod(pts,${fieldTicks}))'`,
    `scale=w=${width}:h=${height}:eval=frame:interl=-1:${SCALER_FLAGS}`,
    'bwdif=mode=send_field:parity=auto:deint=interlaced',
    ...(secondFields.length === 0
      ? []
      : [
          `setpts='${secondFields.reduce((rest, { from, to }) => `if(eq(PTS,${from}),${to},${rest})`, 'PTS')}'`,
        ]),
  ];
}

/** When the input's pictures are shown. */
export type PictureTiming = Pick<PicturePlan, 'startSeconds' | 'fieldTicks' | 'secondFields'>;

/**
 * The graph: exactly `G` pictures from `startSeconds` on, holes and the end filled by repeating, timestamps counted
 * from 0, then one output per rendition, largest first, and one small picture for the preview.
 */
export function pictureGraph(
  grid: Grid,
  { startSeconds, fieldTicks, secondFields }: PictureTiming,
  sources: readonly SourcePicture[],
  renditions: readonly VideoRendition[],
): string {
  const sorted = renditions.toSorted((a, b) => b.height - a.height);
  const timed = [
    ...(fieldTicks === undefined ? [] : deinterlace(fieldTicks, secondFields, sources)),
    `fps=${grid.num}/${grid.den}:start_time=${startSeconds}:round=near`,
    'tpad=stop=-1:stop_mode=clone',
    `trim=end_frame=${grid.segmentFrames}`,
    'setpts=N',
  ];
  const parts: string[] = [`[0:v:0]${timed.join(',')}`];
  let shape = sources;
  sorted.forEach((rendition, i) => {
    const { width, height } = rendition;
    const labels =
      'setsar=1,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709';
    const next = i === sorted.length - 1 ? '[small]' : `[next${i}]`;
    parts.push(
      `${i === 0 ? '' : `[next${i - 1}]`}${fit(shape, rendition)},${labels},split=2${videoPad(rendition)}${next}`,
    );
    shape = [
      {
        width,
        height,
        mayHaveFields: false,
        sar: { x: 1, y: 1 },
        isPlain: true,
        isFullRange: false,
        matrix: BT709,
      },
    ];
  });
  const [head = '', top = '', ...rest] = parts;
  const preview = `[small]trim=end_frame=1,scale=w=${PREVIEW_WIDTH}:h=-2:out_range=pc,format=yuvj420p${PREVIEW_PAD}`;
  return [`${head},${top}`, ...rest, preview].join(';');
}
