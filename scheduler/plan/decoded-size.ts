/**
 * What pictures of a segment are decoded to: the size of the largest rendition made of it, or of the last segments before. Where a
 * large one is withheld, workers go on with the decoder that runs: another, from the last start point on, would take what is short
 * just then, and what is made of the same segment must not depend on when that was decided. Pure.
 */
import type { PictureSize, Rendition } from '#common/contracts/rendition';
import { madeAt } from '#common/contracts/shed';
import { greatest, segmentNumber, type SegmentNumber } from '#common/time';
import type { AirState } from './state.ts';

/** Segments for which the size stays: by then what was late is made, or given up, and there is room for another decoder. */
const STAYS = 8;

const pixels = ({ width, height }: PictureSize): number => width * height;

const sizesOf = (renditions: readonly Rendition[]): readonly PictureSize[] =>
  renditions.flatMap((rendition) =>
    rendition.kind === 'video' ? [{ width: rendition.width, height: rendition.height }] : [],
  );

const largest = (sizes: readonly PictureSize[]): PictureSize | undefined =>
  sizes.toSorted((a, b) => pixels(b) - pixels(a))[0];

/**
 * The size for these renditions of segment `n`.
 * @returns undefined where it is that of the largest of them
 */
export function decodedSize(
  air: Pick<AirState, 'broadcast' | 'profile' | 'renditions' | 'sheds'>,
  n: SegmentNumber,
  renditions: readonly Rendition[],
): PictureSize | undefined {
  if (air.profile === 'standard' || air.sheds.length === 0) {
    return undefined;
  }
  const own = largest(sizesOf(renditions));
  const sizes: PictureSize[] = [];
  const first = greatest(air.broadcast, segmentNumber(Math.max(0, n - STAYS)));
  for (let at = first; at <= n; at = segmentNumber(at + 1)) {
    sizes.push(...sizesOf(madeAt(air, at)));
  }
  const size = largest(sizes);
  return own !== undefined && size !== undefined && pixels(size) > pixels(own) ? size : undefined;
}
