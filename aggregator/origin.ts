/** Answers by route: the clock, playlists and manifests, previews; segments are in `segments.ts`. */
import type { Clock } from '#common/clock';
import type { Reload } from '#common/contracts/delivery';
import type { Rendition } from '#common/contracts/rendition';
import { divisionOf } from '#common/division';
import { segmentSeconds } from '#common/grid';
import { segmentNumber } from '#common/time';
import {
  answerDocument,
  answerLater,
  answerNever,
  answerObject,
  answerStatus,
  answerText,
  type Exchange,
} from './answer.ts';
import type { Channels } from './channels.ts';
import { subjectOf, type Holds } from './holds.ts';
import type { LiveBroadcast } from './live-broadcast.ts';
import type { Document, Playlists } from './playlists.ts';
import type { Previews } from './previews.ts';
import { isWhole, type Recordings } from './recordings.ts';
import { positionOf, reloadState, type ReloadState } from './reload.ts';
import type { Route } from './route.ts';
import type { Segments } from './segments.ts';
import type { Timeline } from './timeline.ts';

/** §6.2.5.2: a playlist that takes longer than three target durations is answered with 503. */
const RELOAD_HELD_SEGMENTS = 3;

/** What answering needs. */
export interface OriginDeps {
  readonly clock: Clock;
  readonly channels: Channels;
  readonly recordings: Recordings;
  readonly playlists: Playlists;
  readonly holds: Holds;
  readonly segments: Segments;
  readonly previews: Previews;
}

type Of<Kind extends Route['kind']> = Extract<Route, { kind: Kind }>;

const renditionOf = (timeline: Timeline, id: string): Rendition | undefined =>
  timeline.broadcast.renditions.find((rendition) => rendition.id === id);

/** Players can begin: with a segment, or in low latency with a part of every rendition. */
function hasBegun({ timeline, growing }: LiveBroadcast): boolean {
  return (
    timeline.segments.length > 0 ||
    growing
      ?.all()
      .every(
        ({ rendition }) => positionOf(growing, rendition.id).msn >= timeline.broadcast.broadcast,
      ) === true
  );
}

/** Whether a live media playlist has what a reload names; one that has ended is waited for no more. */
function playlistState(live: LiveBroadcast, id: string, reload: Reload): ReloadState {
  const { growing, timeline } = live;
  const { grid } = timeline;
  if (growing === undefined) {
    const position = { next: segmentNumber(live.newest + 1), parts: 0 };
    return live.isComplete
      ? 'ready'
      : reloadState(grid, divisionOf(grid, 'standard'), position, reload);
  }
  return growing.hasEnded(id)
    ? 'ready'
    : reloadState(grid, growing.division, positionOf(growing, id), reload);
}

function recordingDocument(
  playlists: Playlists,
  timeline: Timeline,
  route: Of<'recording-multivariant' | 'recording-manifest' | 'recording-playlist'>,
): Document | undefined {
  if (timeline.segments.length === 0) {
    return undefined;
  }
  switch (route.kind) {
    case 'recording-multivariant':
      return playlists.recordingMultivariant(timeline);
    case 'recording-manifest':
      return playlists.recordingManifest(timeline);
    case 'recording-playlist': {
      const rendition = renditionOf(timeline, route.rendition);
      return rendition && playlists.recordingMedia(timeline, rendition);
    }
  }
}

/** See the head of this file. */
export class Origin {
  readonly #deps: OriginDeps;

  constructor(deps: OriginDeps) {
    this.#deps = deps;
  }

  /** Answers one request; resolves when the answer is given over to the socket. */
  async answer(exchange: Exchange, route: Route): Promise<void> {
    switch (route.kind) {
      case 'time':
        this.#time(exchange);
        return;
      case 'multivariant':
      case 'manifest':
        await this.#index(exchange, route);
        return;
      case 'media-playlist':
        await this.#mediaPlaylist(exchange, route);
        return;
      case 'part':
      case 'segment':
        await this.#deps.segments.answer(exchange, route);
        return;
      case 'init':
        await this.#deps.segments.answerInit(exchange, route);
        return;
      case 'preview':
        await this.#preview(exchange, route);
        return;
      case 'recording-multivariant':
      case 'recording-manifest':
      case 'recording-playlist':
        await this.#recording(exchange, route);
    }
  }

  #time(exchange: Exchange): void {
    answerText(exchange, new Date(this.#deps.clock.now()).toISOString());
  }

  async #index(exchange: Exchange, route: Of<'multivariant' | 'manifest'>): Promise<void> {
    const { channels, playlists, recordings } = this.#deps;
    const isManifest = route.kind === 'manifest';
    const current = channels.current(route.channel);
    if (current === undefined) {
      const timeline = await recordings.latestOf(route.channel);
      if (timeline === undefined || timeline.segments.length === 0) {
        answerNever(exchange);
        return;
      }
      answerDocument(
        exchange,
        isManifest ? playlists.endedManifest(timeline) : playlists.endedMultivariant(timeline),
      );
      return;
    }
    // A broadcast that has just begun has no playlist before its first segment.
    const seconds = segmentSeconds(current.timeline.grid);
    const found = await this.#deps.holds.hold(exchange, route.channel, seconds, () => {
      const live = channels.current(route.channel);
      return live === undefined || !hasBegun(live) ? 'wait' : live;
    });
    if (found === 'gave-up') {
      answerLater(exchange);
      return;
    }
    answerDocument(
      exchange,
      isManifest ? playlists.manifest(found) : playlists.multivariant(found),
    );
  }

  async #mediaPlaylist(exchange: Exchange, route: Of<'media-playlist'>): Promise<void> {
    const { channels, playlists, recordings } = this.#deps;
    const live = channels.find(route.channel, route.broadcast);
    if (live !== undefined) {
      const rendition = renditionOf(live.timeline, route.rendition);
      if (rendition === undefined) {
        answerNever(exchange);
      } else if (await this.#hasCome(exchange, live, rendition, route)) {
        answerDocument(exchange, playlists.media(live, rendition, route.reload));
      }
      return;
    }
    const timeline = await recordings.timelineOf(route.channel, route.broadcast);
    const rendition = timeline && renditionOf(timeline, route.rendition);
    if (timeline === undefined || rendition === undefined) {
      answerNever(exchange);
      return;
    }
    answerDocument(exchange, playlists.endedMedia(timeline, rendition));
  }

  /**
   * Waits until a live playlist has what is asked for, or ends (RFC 8216bis §6.2.5.2).
   * @returns false when the request is answered otherwise
   */
  async #hasCome(
    exchange: Exchange,
    live: LiveBroadcast,
    rendition: Rendition,
    { channel, reload = {} }: Of<'media-playlist'>,
  ): Promise<boolean> {
    const state = await this.#deps.holds.hold(
      exchange,
      live.growing === undefined ? channel : subjectOf(channel, rendition.id),
      segmentSeconds(live.timeline.grid),
      () => playlistState(live, rendition.id, reload),
      RELOAD_HELD_SEGMENTS,
    );
    if (state === 'gave-up') {
      answerLater(exchange);
    } else if (state === 'too-far') {
      answerStatus(exchange, 400, 'too far ahead of the playlist: RFC 8216bis §6.2.5.2');
    }
    return state === 'ready';
  }

  async #recording(
    exchange: Exchange,
    route: Of<'recording-multivariant' | 'recording-manifest' | 'recording-playlist'>,
  ): Promise<void> {
    const { channels, playlists, recordings } = this.#deps;
    const live = channels.find(route.channel, route.broadcast);
    const timeline =
      live === undefined || live.isComplete
        ? await recordings.timelineOf(route.channel, route.broadcast)
        : undefined;
    // On air, or its last segments are on their way to the store: it becomes a recording soon.
    if (live !== undefined && (timeline === undefined || !isWhole(timeline))) {
      answerLater(exchange);
      return;
    }
    const document = timeline && recordingDocument(playlists, timeline, route);
    if (document === undefined) {
      answerNever(exchange);
      return;
    }
    answerDocument(exchange, document);
  }

  async #preview(exchange: Exchange, route: Of<'preview'>): Promise<void> {
    const { channels, previews } = this.#deps;
    const newest = channels.current(route.channel)?.timeline.segments.at(-1);
    const preview = newest && (await previews.latest(route.channel, newest.n));
    if (preview === undefined) {
      answerNever(exchange);
      return;
    }
    await answerObject(exchange, {
      type: 'image/jpeg',
      etag: `"p${preview.n}"`,
      bytes: preview.image.byteLength,
      cacheControl: 'public, max-age=2',
      read: (range) =>
        range === undefined ? preview.image : preview.image.subarray(range.start, range.end + 1),
    });
  }
}
