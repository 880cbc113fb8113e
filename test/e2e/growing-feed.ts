/** What workers do on air, without them: real media, fragment by fragment as the grid's clock passes, into an origin's hot streams. */
import { divisionOf, aacFramesOfFragment, type Division } from '#common/division';
import { segmentSeconds, timeOfSegment } from '#common/grid';
import { appendHotFragment } from '#common/hot-fragments';
import { readFragment, boxes } from '#common/mp4/read';
import { mediaFragment } from '#common/mp4/write';
import type { Redis } from '#common/redis';
import { milliseconds, segmentNumber, type SegmentNumber } from '#common/time';
import type { Broadcast, Result } from '#common/contracts/segment';
import { withheldAt } from '#common/contracts/shed';
import type { SegmentBytes } from '../../aggregator/verify.ts';
import { SHED_LEAD, shedFrom } from '../../scheduler/plan/shedding.ts';
import {
  GRID,
  renditionsOf,
  segmentAt,
  type MediaRendition,
  type WatchMedia,
} from './watch-media.ts';

/** What a test can do with it. */
export interface GrowingFeed {
  readonly broadcast: Broadcast;
  /** From now on fragments come so much later, milliseconds. */
  readonly setLateness: (ms: number) => void;
  /**
   * From a segment on exactly these renditions are withheld, and its origin is told so, as far ahead as the leader does.
   * @returns its number
   */
  readonly shed: (withheld: readonly string[]) => Promise<number>;
  /** From the segment on that is being made exactly these are withheld: as when the leader gives up what is too late. */
  readonly giveUp: (withheld: readonly string[]) => Promise<void>;
  /**
   * The longest way of a picture to the origin since this was last asked, from its place on the clock until its fragment was
   * there, seconds: a player nearer to the clock than that had to wait for it.
   */
  readonly takeLongestDelay: () => number;
  /** Ends it with the segment that is being made. */
  readonly end: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Of an origin's harness, what is needed. */
interface Origin {
  readonly redis: Redis;
  readonly begin: (broadcast: Broadcast) => Promise<void>;
  readonly shed: (broadcast: Broadcast, sheds: Broadcast['sheds']) => Promise<Broadcast>;
  readonly end: (broadcast: Broadcast, last: number) => Promise<void>;
  readonly make: (
    broadcast: Broadcast,
    n: number,
    objects: ReadonlyMap<string, SegmentBytes>,
  ) => Promise<Result>;
}

const KEPT = 600;
const LOOK_MS = 8;

/** A segment's fragments: the same samples, in boxes of their own. */
export function fragmentsOfSegment(
  rendition: MediaRendition,
  division: Division,
  n: number,
): Buffer[] {
  const segment = rendition.segment(segmentNumber(n));
  const { decodeTime, durations, sizes } = readFragment(segment);
  const payload = [...boxes(segment)].find(({ type }) => type === 'mdat');
  let at = (payload?.start ?? 0) + (payload?.headerSize ?? 0);
  const samples = sizes.map((size, i) => {
    at += size;
    return {
      duration: durations[i] ?? 0,
      isSync: rendition.height === 0 || i === 0,
      compositionOffset: 0,
      data: segment.subarray(at - size, at),
    };
  });
  const { first: firstOfSegment } = aacFramesOfFragment(GRID, division, segmentNumber(n), 0);
  return Array.from({ length: division.fragments }, (_, k) => {
    const sound = aacFramesOfFragment(GRID, division, segmentNumber(n), k);
    const [from, to] =
      rendition.height === 0
        ? [sound.first - firstOfSegment, sound.end - firstOfSegment]
        : [k * division.fragmentFrames, (k + 1) * division.fragmentFrames];
    const before = durations.slice(0, from).reduce((sum, duration) => sum + duration, 0);
    return mediaFragment(k + 1, [
      { trackId: 1, decodeTime: decodeTime + before, samples: samples.slice(from, to) },
    ]).bytes;
  });
}

/**
 * Begins a broadcast.
 * @param pastSegments whole ones that it begins with
 */
export async function startGrowingFeed(
  { harness: origin, media }: { readonly harness: Origin; readonly media: WatchMedia },
  {
    channel,
    profile,
    pastSegments,
  }: {
    readonly channel: string;
    readonly profile: 'low' | 'instant';
    readonly pastSegments: number;
  },
): Promise<GrowingFeed> {
  const division = divisionOf(GRID, profile);
  const now = segmentAt(Date.now());
  let broadcast: Broadcast = {
    channel,
    broadcast: segmentNumber(now - pastSegments),
    fps: '30',
    profile,
    renditions: renditionsOf(media, 1.2),
    sheds: [],
    dvrSeconds: 120,
    startedAt: timeOfSegment(GRID, segmentNumber(now - pastSegments)),
    last: null,
  };
  await origin.begin(broadcast);
  let latenessMs = 60;
  let isRunning = true;
  let n: number = broadcast.broadcast;
  let k = 0;
  let cut = new Map<string, readonly Buffer[]>();
  const fragmentMs = (segmentSeconds(GRID) * 1000) / division.fragments;
  const beginOf = (fragment: number): number =>
    timeOfSegment(GRID, segmentNumber(n)) + fragment * fragmentMs;
  const dueAt = (): number => beginOf(k + 1) + latenessMs;
  let longestDelayMs = 0;
  let lastTo: (() => void) | undefined;

  const step = async (): Promise<void> => {
    const withheld = withheldAt(broadcast, segmentNumber(n));
    const made = media.renditions.filter(({ id }) => !withheld.has(id));
    if (k === 0) {
      cut = new Map(made.map((item) => [item.id, fragmentsOfSegment(item, division, n)]));
    }
    await Promise.all(
      made.flatMap(({ id, init }) => {
        const bytes = cut.get(id)?.[k];
        return bytes === undefined
          ? []
          : appendHotFragment(
              origin.redis,
              { channel, rendition: id },
              {
                n: segmentNumber(n),
                k,
                bytes,
                init,
                fingerprint: 'test',
                worker: 'w1',
                generation: 0,
              },
              KEPT,
            );
      }),
    );
    longestDelayMs = Math.max(longestDelayMs, Date.now() - beginOf(k));
    k += 1;
    if (k === division.fragments) {
      const objects = new Map(
        made.map(({ id, init }) => [id, { init, data: Buffer.concat(cut.get(id) ?? []) }]),
      );
      const { renditions } = broadcast;
      const part = { ...broadcast, renditions: renditions.filter(({ id }) => !withheld.has(id)) };
      await origin.make(part, n, objects);
      n += 1;
      k = 0;
      if (lastTo !== undefined) {
        isRunning = false;
        lastTo();
      }
    }
  };
  const running = (async () => {
    while (isRunning) {
      if (Date.now() >= dueAt()) {
        await step();
      } else {
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    }
  })();
  const shedAt = async (from: SegmentNumber, withheld: readonly string[]): Promise<void> => {
    const shed = { from, withheld: [...withheld], at: milliseconds(Date.now()), lateMs: 900 };
    broadcast = await origin.shed(broadcast, [
      ...broadcast.sheds,
      { ...shed, reason: withheld.length === 0 ? 'room' : 'late', lateChannel: channel },
    ]);
  };
  return {
    broadcast,
    shed: async (withheld) => {
      const order = { reason: 'late' } as const;
      const timing = { sheds: broadcast.sheds, given: segmentNumber(n), lead: SHED_LEAD };
      const from = shedFrom(GRID, milliseconds(Date.now()), order, timing);
      await shedAt(from, withheld);
      return from;
    },
    giveUp: (withheld) => shedAt(segmentNumber(n), withheld),
    setLateness: (ms) => {
      latenessMs = ms;
    },
    takeLongestDelay: () => {
      const longest = longestDelayMs / 1000;
      longestDelayMs = 0;
      return longest;
    },
    end: async () => {
      await new Promise<void>((resolve) => {
        lastTo = resolve;
      });
      await origin.end(broadcast, n - 1);
    },
    stop: async () => {
      isRunning = false;
      await running;
    },
  };
}
