/** Segments, their parts, and init segments: from memory, else from the store once committed; what is being made grows, what is about to exist is waited for. */
import type { Clock } from '#common/clock';
import { storeKeys } from '#common/contracts/names';
import type { Published } from '#common/contracts/segment';
import { withheldAt } from '#common/contracts/shed';
import { segmentOfTime, segmentSeconds, timeOfSegment } from '#common/grid';
import type { ObjectStore } from '#common/store/store';
import { milliseconds, segmentNumber, type SegmentNumber } from '#common/time';
import {
  IMMUTABLE,
  answerLater,
  answerNever,
  answerObject,
  type Exchange,
  type MediaObject,
  answerStatus,
} from './answer.ts';
import type { Channels } from './channels.ts';
import type { Committer } from './committer.ts';
import { answerGrowing, type GrowingRun } from './growing-answer.ts';
import type { GrowingBroadcast } from './growing-broadcast.ts';
import { subjectOf, type Holds, type Looked } from './holds.ts';
import type { InitSegments } from './init-segments.ts';
import type { LiveBroadcast } from './live-broadcast.ts';
import type { SegmentMemory } from './memory.ts';
import type { Recordings } from './recordings.ts';
import type { Route } from './route.ts';
import { hasRendition, recordOf } from './timeline.ts';

/** Numbers ahead of the newest for which requests are held. */
const AHEAD = 2;
/** RFC 9110 §15.5.11 */
const GONE = 410;
/** After that players have played a broadcast's last segment, and know of its end. */
const PLAYED_OUT = milliseconds(30_000);

/** What answering needs. */
export interface SegmentDeps {
  readonly clock: Clock;
  readonly store: Pick<ObjectStore, 'open'>;
  readonly channels: Channels;
  readonly recordings: Pick<Recordings, 'broadcastOf' | 'commitOf' | 'completionOf'>;
  readonly memory: SegmentMemory;
  readonly committer: Pick<Committer, 'isPending'>;
  readonly holds: Holds;
  readonly inits: InitSegments;
}

type Of<Kind extends Route['kind']> = Extract<Route, { kind: Kind }>;

/** A segment, or with `k` a part of it. */
interface Wanted {
  readonly channel: string;
  readonly rendition: string;
  readonly n: SegmentNumber;
  readonly k: number | undefined;
}

/** What is there: an object, a run of fragments of which some are yet to come, or nothing, ever. */
type Found = MediaObject | GrowingRun | undefined;

const etagOf = ({ channel, rendition, n, k }: Wanted): string =>
  k === undefined ? `"${channel}-${rendition}-${n}"` : `"${channel}-${rendition}-${n}.${k}"`;

const mediaObject = (etag: string, bytes: number, read: MediaObject['read']): MediaObject => ({
  type: 'video/mp4',
  etag,
  bytes,
  cacheControl: IMMUTABLE,
  read,
});

/** Where a part's bytes are in its segment; all of it without an end. */
interface Bounds {
  readonly start: number;
  readonly end: number | undefined;
}

/** Undefined for a part of a segment whose division is not remembered. */
function boundsOf({ growing }: LiveBroadcast, { rendition, n, k }: Wanted): Bounds | undefined {
  if (k === undefined) {
    return { start: 0, end: undefined };
  }
  const fragments = growing?.get(rendition)?.fragmentsOf(n) ?? [];
  const { fragmentsOfPart = 1 } = growing?.division ?? {};
  const sizeOf = (list: typeof fragments): number =>
    list.reduce((sum, { bytes }) => sum + bytes, 0);
  const from = k * fragmentsOfPart;
  const start = sizeOf(fragments.slice(0, from));
  const end = start + sizeOf(fragments.slice(from, from + fragmentsOfPart));
  return end === start ? undefined : { start, end };
}

const objectOf = (wanted: Wanted, data: Buffer): MediaObject =>
  mediaObject(etagOf(wanted), data.byteLength, (range) =>
    range === undefined ? data : data.subarray(range.start, range.end + 1),
  );

/** See the head of this file. */
export class Segments {
  readonly #deps: SegmentDeps;

  constructor(deps: SegmentDeps) {
    this.#deps = deps;
  }

  /** `/live/<channel>/<rendition>/<n>.m4s`, and `<n>.<k>.m4s` */
  async answer(exchange: Exchange, route: Of<'segment'> | Of<'part'>): Promise<void> {
    const { channel, rendition, n } = route;
    const wanted: Wanted = {
      channel,
      rendition,
      n,
      k: route.kind === 'part' ? route.k : undefined,
    };
    const live = this.#deps.channels.holding(channel, n);
    if (live === undefined) {
      const broadcast = await this.#deps.recordings.broadcastOf(channel, n);
      const object =
        broadcast === undefined || wanted.k !== undefined
          ? undefined
          : await this.#stored(broadcast, wanted);
      await this.#give(exchange, object);
      return;
    }
    const { growing } = live;
    const isKnown = live.timeline.broadcast.renditions.some(({ id }) => id === rendition);
    if (!isKnown || (wanted.k !== undefined && wanted.k >= (growing?.division.parts ?? 0))) {
      answerNever(exchange);
      return;
    }
    const seconds = segmentSeconds(live.timeline.grid);
    let isLate = true;
    const found = await this.#deps.holds.hold<Found>(
      exchange,
      growing === undefined ? channel : subjectOf(channel, rendition),
      seconds,
      () => {
        isLate = n <= (live.timeline.broadcast.last ?? n);
        return growing === undefined || n <= live.newest
          ? this.#look(live, wanted)
          : this.#lookGrowing(live, growing, wanted);
      },
    );
    if (found === 'gave-up' && isLate) {
      answerLater(exchange);
      return;
    }
    const object = found === 'gave-up' ? undefined : found;
    if (object === undefined && exchange.request.headers['if-range'] !== undefined) {
      const isLeftOff = withheldAt(live.timeline.broadcast, n).has(rendition);
      if (isLeftOff) {
        // Whoever goes on with what it has begun does not wait for the rest.
        answerStatus(exchange, GONE, 'left off');
        return;
      }
    }
    await this.#give(exchange, object);
  }

  /** A segment of a broadcast in hand: there, about to be, or never. */
  #look(live: LiveBroadcast, wanted: Wanted): Looked<Found> | Promise<Looked<Found>> {
    const { memory, committer } = this.#deps;
    const { channel, rendition, n, k } = wanted;
    const { broadcast, last } = live.timeline.broadcast;
    if (withheldAt(live.timeline.broadcast, n).has(rendition)) {
      const part = this.#partLeft(live, wanted);
      if (part !== undefined) {
        return part;
      }
      // Made afterwards, it is in the store; it is waited for by nobody.
      const record = recordOf(live.timeline, n);
      return k === undefined &&
        n <= live.newest &&
        (record === undefined || hasRendition(record, rendition))
        ? this.#stored(broadcast, wanted)
        : undefined;
    }
    if (n > live.newest) {
      return this.#isAboutToBe(live, n, live.newest, last) ? 'wait' : undefined;
    }
    const bounds = boundsOf(live, wanted);
    if (bounds === undefined) {
      return undefined;
    }
    const data = memory.get(channel, n)?.get(rendition)?.data;
    if (data !== undefined) {
      return objectOf(wanted, data.subarray(bounds.start, bounds.end));
    }
    return committer.isPending(channel, n) ? 'wait' : this.#stored(broadcast, wanted, bounds);
  }

  /** One that is not committed yet: whole, or as far as it has come. */
  #lookGrowing(live: LiveBroadcast, broadcast: GrowingBroadcast, wanted: Wanted): Looked<Found> {
    const { n, k } = wanted;
    const growing = broadcast.get(wanted.rendition);
    if (growing === undefined || growing.isWithheld(n)) {
      return this.#partLeft(live, wanted);
    }
    const { fragments, fragmentsOfPart } = broadcast.division;
    const from = k === undefined ? 0 : k * fragmentsOfPart;
    const to = k === undefined ? fragments : from + fragmentsOfPart;
    const have = growing.fragmentsOf(n).slice(from, to);
    if (have.length === 0) {
      const { last } = live.timeline.broadcast;
      const { next } = broadcast.reachOf(wanted.rendition);
      return this.#isAboutToBe(live, n, segmentNumber(next - 1), last) ? 'wait' : undefined;
    }
    const bytes = have.flatMap(({ data }) => (data === undefined ? [] : [data]));
    if (bytes.length < have.length) {
      // What was published before a restart comes again from the hot stream, or with the result.
      return 'wait';
    }
    if (have.length < to - from) {
      return {
        growing,
        n,
        from,
        to,
        headers: { etag: etagOf(wanted), 'cache-control': IMMUTABLE },
      };
    }
    const whole = k === undefined ? growing.whole(n)?.data : undefined;
    return objectOf(wanted, whole ?? Buffer.concat(bytes));
  }

  /** A part that was published before its segment was left off. */
  #partLeft({ growing }: LiveBroadcast, wanted: Wanted): MediaObject | undefined {
    const { rendition, n, k } = wanted;
    const { fragmentsOfPart = 1 } = growing?.division ?? {};
    const bytes =
      k === undefined
        ? []
        : (growing?.get(rendition)?.fragmentsOf(n) ?? [])
            .slice(k * fragmentsOfPart, (k + 1) * fragmentsOfPart)
            .flatMap(({ data }) => (data === undefined ? [] : [data]));
    return bytes.length === fragmentsOfPart ? objectOf(wanted, Buffer.concat(bytes)) : undefined;
  }

  /**
   * Up to two ahead of the newest; and, however late the pipeline is, what the clock says players of DASH ask for, and
   * one more, for players whose clock is ahead of ours.
   * Just beyond the end requests are held too, while players play to the end: a 404 is an error to dash.js.
   */
  #isAboutToBe(
    live: LiveBroadcast,
    n: SegmentNumber,
    newest: SegmentNumber,
    last: SegmentNumber | null,
  ): boolean {
    const { grid } = live.timeline;
    const now = this.#deps.clock.now();
    if (last !== null && n > last) {
      return n <= last + AHEAD && now < timeOfSegment(grid, segmentNumber(last + 1)) + PLAYED_OUT;
    }
    return n <= newest + AHEAD || n <= segmentOfTime(grid, now);
  }

  /** A segment of which the commit record says that it is stored. */
  async #stored(
    broadcast: SegmentNumber,
    wanted: Wanted,
    bounds?: Bounds,
  ): Promise<MediaObject | undefined> {
    const { channel, rendition, n } = wanted;
    const { recordings } = this.#deps;
    const find = (record: Published | undefined) =>
      record?.renditions.find((known) => known.rendition === rendition);
    // Each of the two says that what it names is stored, whatever the other one says.
    const item =
      find(await recordings.commitOf(channel, broadcast, n)) ??
      find(await recordings.completionOf(channel, broadcast, n));
    if (item === undefined) {
      return undefined;
    }
    const key = storeKeys.segment(channel, rendition, n);
    if (wanted.k === undefined || bounds?.end === undefined) {
      return mediaObject(etagOf(wanted), item.bytes, (range) => this.#deps.store.open(key, range));
    }
    const { start, end } = bounds;
    return mediaObject(etagOf(wanted), end - start, async (range) => {
      const opened = await this.#deps.store.open(key, {
        start: start + (range?.start ?? 0),
        end: start + (range?.end ?? end - start - 1),
      });
      return opened?.totalBytes === item.bytes ? { ...opened, totalBytes: end - start } : opened;
    });
  }

  async #give(exchange: Exchange, object: Found): Promise<void> {
    if (object === undefined) {
      answerNever(exchange);
      return;
    }
    if ('growing' in object) {
      answerGrowing(exchange, object);
      return;
    }
    await answerObject(exchange, object);
  }

  /** `/live/<channel>/<rendition>/init-<hash>.mp4` */
  async answerInit(exchange: Exchange, route: Of<'init'>): Promise<void> {
    const bytes = await this.#deps.inits.get(route.channel, route.rendition, route.hash);
    const object =
      bytes &&
      mediaObject(`"${route.hash}"`, bytes.byteLength, (range) =>
        range === undefined ? bytes : bytes.subarray(range.start, range.end + 1),
      );
    await this.#give(exchange, object);
  }
}
