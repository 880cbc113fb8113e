/** Blocking playlist reload, RFC 8216bis §6.2.5.2: whether a playlist has what a request names, will have it, or is not to be asked. Pure. */
import type { Reload } from '#common/contracts/delivery';
import type { Division } from '#common/division';
import { segmentSeconds, type Grid } from '#common/grid';
import { segmentNumber, type SegmentNumber } from '#common/time';
import type { GrowingBroadcast, Reach } from './growing-broadcast.ts';

/** Segments ahead of the last whole one that may be asked for. */
const SEGMENTS_AHEAD = 2;
/** Parts of less than a second may be asked for so many seconds ahead: the Advance Part Limit. */
const PARTS_AHEAD_SECONDS = 3;

/** How far a rendition's playlist goes. */
export interface Position extends Reach {
  /** The newest part. */
  readonly msn: SegmentNumber;
  readonly part: number;
}

/** How far a rendition's playlist goes now. */
export function positionOf(broadcast: GrowingBroadcast, rendition: string): Position {
  const { division } = broadcast;
  const { next, parts } = broadcast.reachOf(rendition);
  return parts === 0
    ? { next, parts, msn: segmentNumber(next - 1), part: division.parts - 1 }
    : { next, parts, msn: next, part: parts - 1 };
}

/** `ready`: it may be answered; `wait`; `too-far`: 400. */
export type ReloadState = 'ready' | 'wait' | 'too-far';

/** Whether a playlist has what a reload names. Where segments are not divided it lists no parts, and which one is named counts for nothing. */
export function reloadState(
  grid: Grid,
  division: Division,
  { next, parts }: Pick<Position, 'next' | 'parts'>,
  { msn, ...reload }: Reload,
): ReloadState {
  if (msn === undefined) {
    return 'ready';
  }
  const part = division.parts === 1 ? undefined : reload.part;
  const partSeconds = segmentSeconds(grid) / division.parts;
  const aheadParts = partSeconds < 1 ? Math.ceil(PARTS_AHEAD_SECONDS / partSeconds) : 3;
  // A part beyond a segment's last is the first of the next one.
  const isBeyond = part !== undefined && part >= division.parts;
  const wantedMsn = isBeyond ? msn + 1 : msn;
  const wantedPart = isBeyond ? 0 : part;
  const have = next * division.parts + parts;
  const wanted =
    wantedPart === undefined
      ? (wantedMsn + 1) * division.parts
      : wantedMsn * division.parts + wantedPart + 1;
  if (wanted <= have) {
    return 'ready';
  }
  const isPartTooFar = wantedPart !== undefined && wanted - have > aheadParts;
  return msn > next - 1 + SEGMENTS_AHEAD || isPartTooFar ? 'too-far' : 'wait';
}
