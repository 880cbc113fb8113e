/** Segments and init segments: from memory, else from the store once committed; what is about to exist is waited for. */
import type { Clock } from '#common/clock';
import { storeKeys } from '#common/contracts/names';
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
} from './answer.ts';
import type { Channels } from './channels.ts';
import type { Committer } from './committer.ts';
import type { Holds, Looked } from './holds.ts';
import type { InitSegments } from './init-segments.ts';
import type { LiveBroadcast } from './live-broadcast.ts';
import type { SegmentMemory } from './memory.ts';
import type { Recordings } from './recordings.ts';
import type { Route } from './route.ts';

/** Numbers ahead of the newest for which requests are held. */
const AHEAD = 2;
/** After that players have played a broadcast's last segment, and know of its end. */
const PLAYED_OUT = milliseconds(30_000);

/** What answering needs. */
export interface SegmentDeps {
  readonly clock: Clock;
  readonly store: Pick<ObjectStore, 'open'>;
  readonly channels: Channels;
  readonly recordings: Pick<Recordings, 'broadcastOf' | 'commitOf'>;
  readonly memory: SegmentMemory;
  readonly committer: Pick<Committer, 'isPending'>;
  readonly holds: Holds;
  readonly inits: InitSegments;
}

type Of<Kind extends Route['kind']> = Extract<Route, { kind: Kind }>;

const mediaObject = (etag: string, bytes: number, read: MediaObject['read']): MediaObject => ({
  type: 'video/mp4',
  etag,
  bytes,
  cacheControl: IMMUTABLE,
  read,
});

/** See the head of this file. */
export class Segments {
  readonly #deps: SegmentDeps;

  constructor(deps: SegmentDeps) {
    this.#deps = deps;
  }

  /** `/live/<channel>/<rendition>/<n>.m4s` */
  async answer(exchange: Exchange, route: Of<'segment'>): Promise<void> {
    const { channel, rendition, n } = route;
    const live = this.#deps.channels.holding(channel, n);
    if (live === undefined) {
      const broadcast = await this.#deps.recordings.broadcastOf(channel, n);
      const object =
        broadcast === undefined ? undefined : await this.#stored(channel, broadcast, rendition, n);
      await this.#give(exchange, object);
      return;
    }
    if (!live.timeline.broadcast.renditions.some(({ id }) => id === rendition)) {
      answerNever(exchange);
      return;
    }
    const seconds = segmentSeconds(live.timeline.grid);
    let isLate = true;
    const found = await this.#deps.holds.hold<MediaObject | undefined>(
      exchange,
      channel,
      seconds,
      () => {
        isLate = n <= (live.timeline.broadcast.last ?? n);
        return this.#look(live, rendition, n);
      },
    );
    if (found === 'gave-up' && isLate) {
      answerLater(exchange);
      return;
    }
    await this.#give(exchange, found === 'gave-up' ? undefined : found);
  }

  /** A segment of a broadcast in hand: there, about to be, or never. */
  #look(
    live: LiveBroadcast,
    rendition: string,
    n: SegmentNumber,
  ): Looked<MediaObject | undefined> | Promise<Looked<MediaObject | undefined>> {
    const { memory, committer } = this.#deps;
    const { channel, broadcast, last } = live.timeline.broadcast;
    if (n > live.newest) {
      return this.#isAboutToBe(live, n, last) ? 'wait' : undefined;
    }
    const bytes = memory.get(channel, n)?.get(rendition);
    if (bytes !== undefined) {
      return mediaObject(`"${channel}-${rendition}-${n}"`, bytes.data.byteLength, (range) =>
        range === undefined ? bytes.data : bytes.data.subarray(range.start, range.end + 1),
      );
    }
    return committer.isPending(channel, n)
      ? 'wait'
      : this.#stored(channel, broadcast, rendition, n);
  }

  /**
   * Up to two ahead of the newest; and, however late the pipeline is, what the clock says players of DASH ask for, and
   * one more, for players whose clock is ahead of ours.
   * Just beyond the end requests are held too, while players play to the end: a 404 is an error to dash.js.
   */
  #isAboutToBe(live: LiveBroadcast, n: SegmentNumber, last: SegmentNumber | null): boolean {
    const { grid } = live.timeline;
    const now = this.#deps.clock.now();
    if (last !== null && n > last) {
      return n <= last + AHEAD && now < timeOfSegment(grid, segmentNumber(last + 1)) + PLAYED_OUT;
    }
    return n <= live.newest + AHEAD || n <= segmentOfTime(grid, now);
  }

  /** A segment of which the commit record says that it is stored. */
  async #stored(
    channel: string,
    broadcast: SegmentNumber,
    rendition: string,
    n: SegmentNumber,
  ): Promise<MediaObject | undefined> {
    const record = await this.#deps.recordings.commitOf(channel, broadcast, n);
    const item = record?.renditions.find((known) => known.rendition === rendition);
    if (item === undefined) {
      return undefined;
    }
    const key = storeKeys.segment(channel, rendition, n);
    return mediaObject(`"${channel}-${rendition}-${n}"`, item.bytes, (range) =>
      this.#deps.store.open(key, range),
    );
  }

  async #give(exchange: Exchange, object: MediaObject | undefined): Promise<void> {
    if (object === undefined) {
      answerNever(exchange);
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
