/**
 * What pictures of a segment are decoded to: the size of the largest rendition made of it, or of the last segments before. Where a
 * large one is withheld, workers go on with the decoder that runs: another, from the last start point on, would take what is short
 * just then, and what is made of the same segment must not depend on when that was decided. Pure.
 */
import type { PictureSize, Rendition } from '#common/contracts/rendition';
import { madeAt } from '#common/contracts/shed';
import { gridOf, timeOfSegment } from '#common/grid';
import { greatest, segmentNumber, type SegmentNumber } from '#common/time';
import { EARLY_LEAD } from './early-lead.ts';
import type { AirState } from './state.ts';

/** Segments for which the size stays: longer than it takes until a return is tried, so that this finds its decoder running. */
const STAYS = 45;

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
  air: Pick<AirState, 'broadcast' | 'fps' | 'profile' | 'renditions' | 'sheds'>,
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
    // What was given up since a segment was given out was decoded for it all the same.
    const given = timeOfSegment(gridOf(air.fps), at) - EARLY_LEAD;
    const known = air.sheds.filter((shed) => shed.at <= given);
    sizes.push(...sizesOf(madeAt(air, at)), ...sizesOf(madeAt({ ...air, sheds: known }, at)));
  }
  const size = largest(sizes);
  return own !== undefined && size !== undefined && pixels(size) > pixels(own) ? size : undefined;
}
