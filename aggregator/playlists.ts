/** Playlist and manifest texts, made once per change and not per request. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import {
  liveFolderFromRecording,
  mediaPlaylistFile,
  recordingPlaylistFile,
  type Reload,
} from '#common/contracts/delivery';
import type { Rendition } from '#common/contracts/rendition';
import { withheldAt } from '#common/contracts/shed';
import { segmentNumber, type SegmentNumber } from '#common/time';
import { liveManifest, recordingManifest, type Run } from './dash.ts';
import type { GrowingBroadcast } from './growing-broadcast.ts';
import { positionOf } from './reload.ts';
import { growingPlaylist, mediaPlaylist, multivariantPlaylist } from './hls.ts';
import type { LiveBroadcast } from './live-broadcast.ts';
import { isComplete } from './recordings.ts';
import { hasRendition, recordOf, windowLength, type Timeline } from './timeline.ts';

/** A text ready to be sent. */
export interface Document {
  readonly body: Buffer;
  readonly type: string;
  readonly etag: string;
  /** Seconds a cache may keep it. */
  readonly maxAge: number;
}

const HLS_TYPE = 'application/vnd.apple.mpegurl';
const DASH_TYPE = 'application/dash+xml';
/** What changes with every segment, what a finished broadcast may still get, what was waited for (six target durations, RFC 8216bis appendix B), and what never changes. */
const MAX_AGE = { live: 1, ended: 10, blocking: 12, recording: 3_600 } as const;
/** Texts of recordings kept, bytes. */
const RECORDING_BYTES = 32 * 1024 ** 2;

const mediaMaxAge = (isBlocking: boolean, isEnded: boolean): number =>
  isBlocking ? MAX_AGE.blocking : isEnded ? MAX_AGE.ended : MAX_AGE.live;

const etagOf = (body: Uint8Array): string =>
  `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;

function documentOf(text: string, type: string, maxAge: number): Document {
  const body = Buffer.from(text);
  return { body, type, etag: etagOf(body), maxAge };
}

/** See the head of this file. */
export class Playlists {
  readonly #live = new WeakMap<
    LiveBroadcast,
    { readonly version: number; readonly documents: Map<string, Document> }
  >();
  readonly #growing = new WeakMap<
    LiveBroadcast,
    Map<string, { readonly version: string; readonly document: Document }>
  >();
  readonly #recordings = new LRUCache<string, Document>({
    maxSize: RECORDING_BYTES,
    sizeCalculation: (document) => document.body.byteLength,
  });

  /** `/live/<channel>/index.m3u8` */
  multivariant(live: LiveBroadcast): Document {
    return this.#of(live, 'multivariant', () => {
      const { timeline } = live;
      const uriOf = ({ id }: Rendition): string =>
        mediaPlaylistFile(id, timeline.broadcast.broadcast);
      return documentOf(multivariantPlaylist(timeline, uriOf), HLS_TYPE, MAX_AGE.live);
    });
  }

  /** `/live/<channel>/index.mpd` */
  manifest(live: LiveBroadcast): Document {
    return this.#of(live, 'manifest', () =>
      documentOf(liveManifest(live.timeline), DASH_TYPE, MAX_AGE.live),
    );
  }

  /**
   * `/live/<channel>/<rendition>/<broadcast>.m3u8` while the broadcast is in hand.
   * @param reload how it was asked for
   */
  media(live: LiveBroadcast, rendition: Rendition, reload: Reload = {}): Document {
    if (live.growing !== undefined) {
      return this.#growingMedia(live, live.growing, rendition, reload);
    }
    const isBlocking = reload.msn !== undefined;
    return this.#of(live, `${rendition.id} ${isBlocking}`, () => {
      const { grid, segments } = live.timeline;
      const text = mediaPlaylist({
        grid,
        rendition,
        segments,
        first: segmentNumber(live.newest + 1),
        isEnded: live.isComplete,
        isRecording: false,
        base: '',
      });
      return documentOf(text, HLS_TYPE, mediaMaxAge(isBlocking, live.isComplete));
    });
  }

  /** The same of a low-latency broadcast: made once for each of the rendition's parts, whoever asks. */
  #growingMedia(
    live: LiveBroadcast,
    growing: GrowingBroadcast,
    rendition: Rendition,
    reload: Reload,
  ): Document {
    const { msn, part } = positionOf(growing, rendition.id);
    const isDelta = reload.isDelta === true;
    const isBlocking = reload.msn !== undefined;
    const name = `${rendition.id} ${isDelta} ${isBlocking}`;
    const version = `${live.version} ${msn} ${part}`;
    const documents = this.#growing.get(live) ?? new Map<string, never>();
    this.#growing.set(live, documents);
    const known = documents.get(name);
    if (known?.version === version) {
      return known.document;
    }
    const document = this.#makeGrowing(live, growing, rendition, isDelta, isBlocking);
    documents.set(name, { version, document });
    return document;
  }

  /** `/live/<channel>/index.m3u8` of a broadcast that is in hand no longer. */
  endedMultivariant(timeline: Timeline): Document {
    const { broadcast } = timeline.broadcast;
    return this.#ofRecording(timeline, 'live/multivariant', () =>
      multivariantPlaylist(timeline, ({ id }) => mediaPlaylistFile(id, broadcast)),
    );
  }

  /** `/live/<channel>/index.mpd` of such a one. */
  endedManifest(timeline: Timeline): Document {
    return this.#ofRecording(timeline, 'live/manifest', () => liveManifest(timeline), DASH_TYPE);
  }

  /** Its media playlists: the last of it, as it was when it ended. */
  endedMedia(timeline: Timeline, rendition: Rendition): Document {
    return this.#ofRecording(timeline, `live/${rendition.id}`, () => {
      const { grid, segments, broadcast } = timeline;
      return mediaPlaylist({
        grid,
        rendition,
        segments: segments.slice(-windowLength(grid, broadcast.dvrSeconds)),
        first: broadcast.broadcast,
        isEnded: true,
        isRecording: false,
        base: '',
      });
    });
  }

  /** `/vod/<channel>/<broadcast>/index.m3u8` */
  recordingMultivariant(timeline: Timeline): Document {
    return this.#ofRecording(timeline, 'multivariant', () =>
      multivariantPlaylist(timeline, ({ id }) => recordingPlaylistFile(id)),
    );
  }

  /** `/vod/<channel>/<broadcast>/<rendition>.m3u8` */
  recordingMedia(timeline: Timeline, rendition: Rendition): Document {
    return this.#ofRecording(timeline, rendition.id, () => {
      const { grid, segments, broadcast } = timeline;
      return mediaPlaylist({
        grid,
        rendition,
        segments,
        first: broadcast.broadcast,
        isEnded: true,
        isRecording: true,
        base: `${liveFolderFromRecording(broadcast.channel)}${rendition.id}/`,
      });
    });
  }

  /** `/vod/<channel>/<broadcast>/index.mpd` */
  recordingManifest(timeline: Timeline): Document {
    return this.#ofRecording(
      timeline,
      'manifest',
      () =>
        recordingManifest(
          timeline,
          liveFolderFromRecording(timeline.broadcast.channel),
          runsOf(timeline),
        ),
      DASH_TYPE,
    );
  }

  #makeGrowing(
    live: LiveBroadcast,
    growing: GrowingBroadcast,
    rendition: Rendition,
    isDelta: boolean,
    isBlocking: boolean,
  ): Document {
    const { grid, segments, broadcast } = live.timeline;
    const track = growing.get(rendition.id);
    const { next, parts } = positionOf(growing, rendition.id);
    const isEnded = growing.hasEnded(rendition.id);
    const isGap = (n: SegmentNumber): boolean => isGapOf(live.timeline, rendition.id, n);
    const first = segments[0]?.n ?? segmentNumber(live.newest + 1);
    const areParts = (n: SegmentNumber): boolean =>
      isGap(n) ? n >= first : (track?.fragmentsOf(n).length ?? 0) > 0;
    let partsFrom = next;
    while (areParts(segmentNumber(partsFrom - 1))) {
      partsFrom = segmentNumber(partsFrom - 1);
    }
    const text = growingPlaylist({
      grid,
      profile: broadcast.profile,
      division: growing.division,
      rendition,
      renditions: broadcast.renditions,
      init: track?.init?.sha256,
      first,
      next,
      partsFrom,
      parts,
      isGap,
      partsOfGap: (n) =>
        Math.floor((track?.fragmentsOf(n).length ?? 0) / growing.division.fragmentsOfPart),
      isEnded,
      reports: broadcast.renditions
        .filter(({ id }) => id !== rendition.id)
        .map(({ id }) => ({ id, ...positionOf(growing, id) }))
        .filter(({ msn }) => msn >= broadcast.broadcast)
        .map(({ id, msn, part }) => ({
          uri: `../${mediaPlaylistFile(id, broadcast.broadcast)}`,
          msn,
          part,
        })),
      isDelta,
    });
    return documentOf(text, HLS_TYPE, mediaMaxAge(isBlocking, isEnded));
  }

  #of(live: LiveBroadcast, name: string, make: () => Document): Document {
    let cached = this.#live.get(live);
    if (cached?.version !== live.version) {
      cached = { version: live.version, documents: new Map() };
      this.#live.set(live, cached);
    }
    const document = cached.documents.get(name) ?? make();
    cached.documents.set(name, document);
    return document;
  }

  #ofRecording(timeline: Timeline, name: string, make: () => string, type = HLS_TYPE): Document {
    const { channel, broadcast } = timeline.broadcast;
    const { segments } = timeline;
    const objects = segments.reduce((sum, { renditions }) => sum + renditions.length, 0);
    const key = `${channel}/${broadcast}/${segments.length}/${objects}/${name}`;
    const known = this.#recordings.get(key);
    if (known !== undefined) {
      return known;
    }
    // The next broadcast takes the place of what lies under /live, at any time.
    const isForEver = isComplete(timeline) && !name.startsWith('live/');
    const document = documentOf(make(), type, isForEver ? MAX_AGE.recording : MAX_AGE.live);
    this.#recordings.set(key, document);
    return document;
  }
}

/** Whether a number of a rendition was withheld, and is not there. */
function isGapOf(timeline: Timeline, rendition: string, n: SegmentNumber): boolean {
  const record = recordOf(timeline, n);
  return (
    withheldAt(timeline.broadcast, n).has(rendition) &&
    (record === undefined || !hasRendition(record, rendition))
  );
}

/** The unbroken runs of numbers of a recording that have the same renditions; one, unless something was lost, or withheld and not made yet. */
export function runsOf({ broadcast, segments }: Timeline): Run[] {
  const runs: { first: SegmentNumber; last: SegmentNumber; renditions: readonly Rendition[] }[] =
    [];
  for (const segment of segments) {
    const { n } = segment;
    const renditions = broadcast.renditions.filter(({ id }) => hasRendition(segment, id));
    const run = runs.at(-1);
    const isSame =
      run?.renditions.map(({ id }) => id).join() === renditions.map(({ id }) => id).join();
    if (run !== undefined && isSame && n === run.last + 1) {
      run.last = n;
    } else {
      runs.push({ first: n, last: n, renditions });
    }
  }
  return runs;
}
