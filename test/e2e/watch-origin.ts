/** A small origin for tests of the watch page: real media on the epoch's grid, on air and off at the test's word. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { segmentNumber } from '#common/time';
import { segmentAt, type MediaRendition, type WatchMedia } from './watch-media.ts';

const HASH = '0123456789abcdef';
const SEGMENT_MS = 2_000;

/** What a test can do with it. */
export interface WatchOrigin {
  readonly url: string;
  /** Begins a broadcast; with segments of the past, as if it had begun earlier, at a multiple of a number. */
  readonly goOnAir: (pastSegments?: number, multipleOf?: number) => number;
  readonly end: () => void;
  /** While down every request gets 500. */
  readonly setDown: (isDown: boolean) => void;
  readonly close: () => Promise<void>;
}

interface OnAir {
  readonly broadcast: number;
  readonly last: number | undefined;
}

/** Starts it on a free port. */
export async function startWatchOrigin(media: WatchMedia, channel = 'main'): Promise<WatchOrigin> {
  let onAir: OnAir | undefined;
  let isDown = false;
  const newest = (): number => onAir?.last ?? segmentAt(Date.now()) - 1;

  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    const [, section, , ...rest] = path.split('/');
    const state = onAir;
    if (path === '/healthz') {
      send(response, 'text/plain', 'ok');
      return;
    }
    if (isDown || state === undefined) {
      response.writeHead(isDown ? 500 : 404).end();
      return;
    }
    const base = section === 'vod' ? `/live/${channel}/` : '';
    const file = rest.at(-1) ?? '';
    const rendition = media.renditions.find(({ id }) => rest[0] === id || file === `${id}.m3u8`);
    if (file === 'preview.jpg') {
      send(response, 'image/jpeg', media.still);
    } else if (file === 'index.m3u8') {
      send(response, 'application/vnd.apple.mpegurl', multivariant(media, section, state));
    } else if (file === 'index.mpd') {
      send(response, 'application/dash+xml', manifest(media, section, state, base));
    } else if (rendition === undefined) {
      response.writeHead(404).end();
    } else if (file.endsWith('.m3u8')) {
      const text = playlist(rendition, state, newest(), section === 'vod', base);
      send(response, 'application/vnd.apple.mpegurl', text);
    } else if (file.startsWith('init-')) {
      send(response, 'video/mp4', rendition.init);
    } else {
      await sendSegment(response, rendition, Number(file.split('.')[0]), state, newest);
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
    goOnAir: (past = 0, multipleOf = 1) => {
      const first = segmentAt(Date.now()) - past;
      onAir = { broadcast: first - (first % multipleOf), last: undefined };
      return onAir.broadcast;
    },
    end: () => {
      onAir = onAir === undefined ? undefined : { ...onAir, last: newest() };
    },
    setDown: (value) => {
      isDown = value;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, type: string, body: string | Buffer): void {
  response.writeHead(200, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'public, max-age=1',
  });
  response.end(body);
}

/** Held until it exists, as the real origin does. */
async function sendSegment(
  response: ServerResponse,
  rendition: MediaRendition,
  n: number,
  { broadcast, last }: OnAir,
  newest: () => number,
): Promise<void> {
  if (n < broadcast || n > newest() + 2 || (last !== undefined && n > last)) {
    response.writeHead(404).end();
    return;
  }
  const wait = (n + 1) * SEGMENT_MS - Date.now();
  if (wait > 0) {
    // Once the server is closed nobody is there any more to wait for it.
    await delay(wait, undefined, { ref: false });
  }
  send(response, 'video/mp4', rendition.segment(segmentNumber(n)));
}

function multivariant(media: WatchMedia, section: string | undefined, onAir: OnAir): string {
  const uri = (id: string): string =>
    section === 'vod' ? `${id}.m3u8` : `${id}/${onAir.broadcast}.m3u8`;
  return [
    '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS',
    `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Main",DEFAULT=YES,AUTOSELECT=YES,URI="${uri('a64')}"`,
    ...media.renditions
      .filter(({ height }) => height > 0)
      .map(
        ({ id, width, height, bitrateBps, codecs }) =>
          `#EXT-X-STREAM-INF:BANDWIDTH=${bitrateBps * 1.5},RESOLUTION=${width}x${height},CODECS="${codecs},mp4a.40.2",AUDIO="a"\n${uri(id)}`,
      ),
    '',
  ].join('\n');
}

function playlist(
  { id }: MediaRendition,
  { broadcast, last }: OnAir,
  newest: number,
  isRecording: boolean,
  base: string,
): string {
  const folder = base === '' ? '' : `${base}${id}/`;
  const lines = [
    `#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:${broadcast}`,
    ...(isRecording ? ['#EXT-X-PLAYLIST-TYPE:VOD'] : []),
    `#EXT-X-MAP:URI="${folder}init-${HASH}.mp4"`,
    `#EXT-X-PROGRAM-DATE-TIME:${new Date(broadcast * SEGMENT_MS).toISOString()}`,
  ];
  for (let n = broadcast; n <= newest; n += 1) {
    lines.push(`#EXTINF:2.000000,\n${folder}${n}.m4s`);
  }
  return `${[...lines, ...(last === undefined ? [] : ['#EXT-X-ENDLIST'])].join('\n')}\n`;
}

function manifest(
  media: WatchMedia,
  section: string | undefined,
  { broadcast, last }: OnAir,
  base: string,
): string {
  const isRecording = section === 'vod';
  const start = isRecording ? 0 : broadcast * 2;
  const length = last === undefined ? 0 : (last - broadcast + 1) * 2;
  const type =
    last === undefined
      ? 'type="dynamic" minimumUpdatePeriod="PT2S" timeShiftBufferDepth="PT600S" suggestedPresentationDelay="PT6S"'
      : `type="static" mediaPresentationDuration="PT${start + length}S"`;
  const sets = ['video', 'audio'].map((kind) => {
    const scale = kind === 'video' ? 90_000 : 48_000;
    const representations = media.renditions
      .filter(({ height }) => height > 0 === (kind === 'video'))
      .map(({ id, width, height, bitrateBps, codecs }) => {
        const size = kind === 'video' ? `width="${width}" height="${height}"` : '';
        return `<Representation id="${id}" bandwidth="${bitrateBps}" codecs="${codecs}" ${size}/>`;
      });
    return `<AdaptationSet contentType="${kind}" mimeType="${kind}/mp4" segmentAlignment="true">
      <SegmentTemplate timescale="${scale}" duration="${scale * 2}" startNumber="${broadcast}" presentationTimeOffset="${broadcast * 2 * scale}"
        initialization="$RepresentationID$/init-${HASH}.mp4" media="$RepresentationID$/$Number$.m4s"/>
      ${representations.join('')}</AdaptationSet>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
    <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" availabilityStartTime="1970-01-01T00:00:00Z" minBufferTime="PT2S" ${type}>
    ${base === '' ? '' : `<BaseURL>${base}</BaseURL>`}
    <Period id="p" start="PT${start}S">${sets.join('')}</Period>
    <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/></MPD>`;
}
