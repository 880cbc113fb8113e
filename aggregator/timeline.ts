/** What is known of one broadcast's published segments, and which of them playlists list. Pure: every change is a new value. */
import type { Rendition } from '#common/contracts/rendition';
import type { Broadcast, Published } from '#common/contracts/segment';
import { gridOf, segmentSeconds, type Grid } from '#common/grid';
import { segmentNumber, type SegmentNumber } from '#common/time';
import { declare, firstDeclared, type Declared } from './declared.ts';

/** One broadcast, as its manifests tell it. */
export interface Timeline {
  readonly broadcast: Broadcast;
  readonly grid: Grid;
  /** An unbroken run of numbers, oldest first, at most the DVR window. */
  readonly segments: readonly Published[];
  readonly declared: Declared;
  /** Rendition to the hash of its init segment, fixed by the first published segment. */
  readonly inits: ReadonlyMap<string, string>;
  /** Players may have been told of the end: the MPD is static. */
  readonly isStatic: boolean;
}

/** Segments in a DVR window, at least three. */
export const windowLength = (grid: Grid, dvrSeconds: number): number =>
  Math.max(3, Math.ceil(dvrSeconds / segmentSeconds(grid)));

/** A broadcast without segments yet. */
export function startTimeline(
  broadcast: Broadcast,
  declared: Declared = firstDeclared(broadcast),
): Timeline {
  return {
    broadcast,
    grid: gridOf(broadcast.fps),
    segments: [],
    declared,
    inits: new Map(),
    isStatic: false,
  };
}

const initsOf = (published: Published): ReadonlyMap<string, string> =>
  new Map(published.renditions.map((item) => [item.rendition, item.initSha256]));

/**
 * Lists one more segment.
 * @throws RangeError unless it follows the newest
 */
export function withSegment(timeline: Timeline, published: Published): Timeline {
  const { broadcast, grid, segments } = timeline;
  const newest = segments.at(-1);
  if (newest !== undefined && published.n !== newest.n + 1) {
    throw new RangeError(`segment ${published.n} does not follow ${newest.n}`);
  }
  const kept = windowLength(grid, broadcast.dvrSeconds) - 1;
  return {
    ...timeline,
    segments: [...segments.slice(Math.max(0, segments.length - kept)), published],
    declared: declare(broadcast, timeline.declared, published),
    inits: timeline.inits.size === 0 ? initsOf(published) : timeline.inits,
  };
}

/** A timeline as it was, from its records: after a restart, or of a recording. Nothing is declared anew. */
export function restoreTimeline(
  broadcast: Broadcast,
  segments: readonly Published[],
  declared: Declared,
): Timeline {
  return {
    ...startTimeline(broadcast, declared),
    segments,
    // The newest need not have all of them.
    inits: new Map(segments.flatMap((published) => [...initsOf(published)])),
  };
}

/** The end is known, or what is withheld, or its record was read again; an end once known stays, and so does what was withheld. */
export function withBroadcast(timeline: Timeline, broadcast: Broadcast): Timeline {
  const { last, sheds } = timeline.broadcast;
  return {
    ...timeline,
    broadcast: {
      ...timeline.broadcast,
      last: last ?? broadcast.last,
      sheds: broadcast.sheds.length > sheds.length ? broadcast.sheds : sheds,
    },
  };
}

/** Whether a record has a rendition. */
export const hasRendition = ({ renditions }: Published, id: string): boolean =>
  renditions.some(({ rendition }) => rendition === id);

/**
 * The renditions that whoever comes now is told of: of a broadcast on air none that is withheld or about to be, nor one that
 * is to come back and is not there yet; of a recording those of which it has anything.
 */
export function offeredOf({ broadcast, segments, isStatic }: Timeline): readonly Rendition[] {
  const shed = broadcast.sheds.at(-1);
  const newest = segments.at(-1);
  if (shed === undefined || newest === undefined) {
    return broadcast.renditions;
  }
  return isStatic
    ? broadcast.renditions.filter(({ id }) => segments.some((segment) => hasRendition(segment, id)))
    : broadcast.renditions.filter(
        ({ id }) => !shed.withheld.includes(id) && hasRendition(newest, id),
      );
}

/** A listed segment's record says more than before: what was withheld of it is there. */
export function withRecord(timeline: Timeline, published: Published): Timeline {
  return {
    ...timeline,
    segments: timeline.segments.map((known) => (known.n === published.n ? published : known)),
  };
}

/** Nothing before `n` is listed any more: its bytes are lost to memory and not in the store. */
export function withoutBefore(timeline: Timeline, n: SegmentNumber): Timeline {
  return { ...timeline, segments: timeline.segments.filter((segment) => segment.n >= n) };
}

/** The number to publish next. */
export function nextOf({ broadcast, segments }: Timeline): SegmentNumber {
  const newest = segments.at(-1)?.n;
  return newest === undefined ? broadcast.broadcast : segmentNumber(newest + 1);
}

/** The record of segment `n`, if it is in the window. */
export function recordOf(timeline: Timeline, n: SegmentNumber): Published | undefined {
  const oldest = timeline.segments[0];
  return oldest === undefined ? undefined : timeline.segments[n - oldest.n];
}
