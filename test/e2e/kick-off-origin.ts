/**
 * An origin whose channels each begin a broadcast at the test's word: the product's own manifests and playlists over
 * real media, segments published as late as a pipeline would. What cannot exist yet is held, as the origin does.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { firstDeclared } from '../../aggregator/declared.ts';
import { liveManifest } from '../../aggregator/dash.ts';
import { mediaPlaylist, multivariantPlaylist } from '../../aggregator/hls.ts';
import type { Timeline } from '../../aggregator/timeline.ts';
import type { Published } from '#common/contracts/segment';
import { segmentSeconds, timeOfSegment } from '#common/grid';
import { milliseconds, segmentNumber, type Milliseconds, type SegmentNumber } from '#common/time';
import { GRID, renditionsOf, segmentAt, type WatchMedia } from './watch-media.ts';

/** What a test can do with it. */
export interface KickOffOrigin {
  readonly url: string;
  /**
   * Begins a broadcast on a channel of its own.
   * @param isSoundAligned its first sample of sound is at exactly its first picture's time
   * @returns the channel's name; its first segment is published within the next 2 s, or was up to 6 s ago
   */
  readonly kickOff: (isSoundAligned: boolean) => string;
  /** Resolves once so many of its segments are published. */
  readonly published: (channel: string, segments: number) => Promise<void>;
  /** Paths asked for, in order, with the channel's name first. */
  readonly asked: readonly string[];
  /** Answers this path with this from now on. */
  readonly serve: (path: string, type: string, body: Buffer | string) => void;
  readonly close: () => Promise<void>;
}

/** Every so many segments the grids of picture and sound meet. */
const SOUND_MEETS_PICTURE = 4;
const SHA = '0123456789abcdef'.repeat(4);

/**
 * Starts it on a free port.
 * @param latenessMs from a segment's end on the grid until it is published
 */
export async function startKickOffOrigin(
  media: WatchMedia,
  latenessMs: number,
): Promise<KickOffOrigin> {
  const broadcasts = new Map<string, SegmentNumber>();
  const files = new Map<string, { readonly type: string; readonly body: Buffer | string }>();
  const asked: string[] = [];
  const renditions = renditionsOf(media);
  const publishedAt = (n: number): Milliseconds =>
    milliseconds(timeOfSegment(GRID, segmentNumber(n + 1)) + latenessMs);
  const newestAt = (now: number): number => segmentAt(now - latenessMs) - 1;

  const timelineOf = (channel: string, first: SegmentNumber): Timeline => {
    const broadcast = {
      channel,
      broadcast: first,
      fps: '30' as const,
      profile: 'standard' as const,
      renditions,
      sheds: [],
      dvrSeconds: 600,
      startedAt: timeOfSegment(GRID, first),
      last: null,
    };
    const segments: Published[] = [];
    for (let n = first; n <= newestAt(Date.now()); n = segmentNumber(n + 1)) {
      segments.push({
        broadcast: first,
        n,
        at: publishedAt(n),
        fingerprint: '',
        taskHash: '',
        renditions: renditions.map(({ id }) => ({
          rendition: id,
          bytes: 1,
          sha256: SHA,
          initSha256: SHA,
        })),
      });
    }
    return {
      broadcast,
      grid: GRID,
      segments,
      declared: firstDeclared(broadcast),
      inits: new Map(renditions.map(({ id }) => [id, SHA])),
      isStatic: false,
    };
  };

  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    const file = files.get(path);
    if (file !== undefined) {
      send(response, file.type, file.body);
      return;
    }
    if (path === '/healthz') {
      send(response, 'text/plain', 'ok');
      return;
    }
    if (path === '/time') {
      send(response, 'text/plain', new Date().toISOString());
      return;
    }
    const [, , channel = '', ...rest] = path.split('/');
    const first = broadcasts.get(channel);
    if (first === undefined) {
      response.writeHead(404).end();
      return;
    }
    asked.push(`${channel}/${rest.join('/')}`);
    await until(publishedAt(first));
    const timeline = timelineOf(channel, first);
    if (rest[0] === 'index.mpd') {
      send(response, 'application/dash+xml', liveManifest(timeline));
      return;
    }
    if (rest[0] === 'index.m3u8') {
      const text = multivariantPlaylist(timeline, ({ id }) => `${id}/${first}.m3u8`);
      send(response, 'application/vnd.apple.mpegurl', text);
      return;
    }
    const rendition = renditions.find(({ id }) => id === rest[0]);
    const bytes = media.renditions.find(({ id }) => id === rest[0]);
    const name = rest[1] ?? '';
    if (rendition === undefined || bytes === undefined) {
      response.writeHead(404).end();
    } else if (name.startsWith('init-')) {
      send(response, 'video/mp4', bytes.init);
    } else if (name.endsWith('.m3u8')) {
      const { segments } = timeline;
      const isEnded = false;
      const options = { grid: GRID, rendition, segments, first, isEnded, isRecording: false };
      send(response, 'application/vnd.apple.mpegurl', mediaPlaylist({ ...options, base: '' }));
    } else {
      const n = Number.parseInt(name, 10);
      const held = publishedAt(n) - Date.now();
      if (n < first || held > 8 * 1000 * segmentSeconds(GRID)) {
        response.writeHead(404).end();
        return;
      }
      await until(publishedAt(n));
      send(response, 'video/mp4', bytes.segment(segmentNumber(n)));
    }
  };
  const server = createServer((request, response) => {
    void answer((request.url ?? '').split('?')[0] ?? '', response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kickOff: (isSoundAligned) => {
      const next = segmentAt(Date.now() - latenessMs);
      const place = next % SOUND_MEETS_PICTURE;
      const channel = `k${broadcasts.size}`;
      const first = isSoundAligned ? next - place : place === 0 ? next - 1 : next;
      broadcasts.set(channel, segmentNumber(first));
      return channel;
    },
    published: (channel, segments) =>
      until(publishedAt((broadcasts.get(channel) ?? 0) + segments - 1)),
    asked,
    serve: (path, type, body) => {
      files.set(path, { type, body });
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function until(time: number): Promise<void> {
  const left = time - Date.now();
  if (left > 0) {
    // Once the server is closed nobody is there any more to wait for it.
    await delay(left, undefined, { ref: false });
  }
}

function send(response: ServerResponse, type: string, body: string | Buffer): void {
  response.writeHead(200, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
    date: new Date().toUTCString(),
  });
  response.end(body);
}
