/** What the cache keeps, for how long, and never more than its bound. */
import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { createClock, type Clock } from '#common/clock';
import { milliseconds } from '#common/time';
import { MediaCache, type Lookup, type MediaAnswer } from '../../edge/media-cache.ts';
import { parseRoute, type MediaRoute } from '../../edge/paths.ts';
import type { BodySink, Upstream, UpstreamAnswer, UpstreamHead } from '../../edge/upstream.ts';
import { patternBytes } from './edge-origin.ts';

const logger = pino({ level: 'silent' });
const HEAD: UpstreamHead = {
  status: 200,
  etag: undefined,
  cacheControl: undefined,
  retryAfter: undefined,
  contentRange: undefined,
  length: undefined,
  isFramed: true,
};

function mediaRoute(path: string): MediaRoute {
  const route = parseRoute(path);
  if (route.kind !== 'media') {
    throw new Error(`${path} is no media`);
  }
  return route;
}

/** An upstream of prepared answers. */
function upstreamOf(answer: (path: string, etag: string | undefined) => UpstreamAnswer): Upstream {
  return {
    fetch: (path, known) => Promise.resolve(answer(path, known?.etag)),
    closed: new AbortController().signal,
    isHealthy: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
}

const whole = (body: Uint8Array, head: Partial<UpstreamHead> = {}): UpstreamAnswer => ({
  head: { ...HEAD, length: body.length, ...head },
  readInto: (object) => {
    object.append(body);
    object.complete();
    return Promise.resolve();
  },
  discard: () => Promise.resolve(),
});

const empty = (head: Partial<UpstreamHead>): UpstreamAnswer => ({
  head: { ...HEAD, ...head },
  readInto: () => Promise.reject(new Error('has no body')),
  discard: () => Promise.resolve(),
});

/** A clock the test moves. */
function steppedClock(): { readonly clock: Clock; readonly advance: (by: number) => void } {
  let now = 1_800_000_000_000;
  return {
    clock: { ...createClock(), now: () => milliseconds(now) },
    advance: (by) => {
      now += by;
    },
  };
}

/** Asks, and lets the answer be received and stored. */
async function ask(cache: MediaCache, path: string): Promise<MediaAnswer> {
  const answer = await cache.get(mediaRoute(path));
  await new Promise((resolve) => setImmediate(resolve));
  return answer;
}

describe('MediaCache', () => {
  test('overfilled tenfold stays within its bytes, and keeps what was asked for last', async () => {
    const maxBytes = 4 * 1024 * 1024;
    const lookups: Lookup[] = [];
    const cache = new MediaCache({
      upstream: upstreamOf((path) => whole(patternBytes(256 * 1024, path.length))),
      clock: steppedClock().clock,
      logger,
      maxBytes,
      onLookup: (lookup) => lookups.push(lookup),
    });
    let most = 0;
    for (let n = 0; n < 160; n += 1) {
      await ask(cache, `/live/main/v720/${n}.m4s`);
      most = Math.max(most, cache.bytes);
    }
    expect(most).toBeLessThanOrEqual(maxBytes);
    expect(most).toBeGreaterThan(maxBytes / 2);
    expect(cache.flyingBytes).toBe(0);
    await ask(cache, '/live/main/v720/159.m4s');
    await ask(cache, '/live/main/v720/0.m4s');
    expect(lookups.slice(-2)).toEqual(['hit', 'miss']);
  });

  test('many tiny answers are bounded too', async () => {
    const cache = new MediaCache({
      upstream: upstreamOf(() => whole(Buffer.from('x'))),
      clock: steppedClock().clock,
      logger,
      maxBytes: 1024 * 1024,
    });
    for (let n = 0; n < 10_000; n += 1) {
      await cache.get(mediaRoute(`/live/main/v720/${n}.m4s`));
    }
    expect(cache.bytes).toBeLessThanOrEqual(1024 * 1024);
  });

  test('bytes in flight are bounded: the one too many is told to come back', async () => {
    const cache = new MediaCache({
      upstream: upstreamOf(() => ({
        head: { ...HEAD, length: 600_000 },
        readInto: (object) => {
          object.append(new Uint8Array(1));
          return new Promise(() => undefined);
        },
        discard: () => Promise.resolve(),
      })),
      clock: steppedClock().clock,
      logger,
      maxBytes: 1024 * 1024,
    });
    expect((await ask(cache, '/live/main/v720/1.m4s')).status).toBe(200);
    expect(await ask(cache, '/live/main/v720/2.m4s')).toMatchObject({ status: 503 });
    expect(cache.flyingBytes).toBe(600_000);
  });

  test('objects that grow are bounded too: the one that grows beyond breaks off, and the others are whole', async () => {
    const growing = new Map<string, BodySink>();
    const cache = new MediaCache({
      upstream: upstreamOf((path) => ({
        head: { ...HEAD, etag: '"x"' },
        readInto: (sink) =>
          new Promise((resolve, reject) => {
            growing.set(path, {
              append: (chunk) => {
                try {
                  sink.append(chunk);
                } catch (error) {
                  growing.delete(path);
                  reject(error);
                }
              },
              complete: () => {
                sink.complete();
                resolve();
              },
            });
          }),
        discard: () => Promise.resolve(),
      })),
      clock: steppedClock().clock,
      logger,
      maxBytes: 1024 * 1024,
    });
    const paths = Array.from({ length: 4 }, (_, n) => `/live/main/v720/${n}.m4s`);
    const asking = paths.map((path) => ask(cache, path));
    while (growing.size < paths.length) {
      await Promise.resolve();
    }
    for (const path of paths) {
      growing.get(path)?.append(new Uint8Array(100_000));
    }
    const answers = await Promise.all(asking);
    const objects = answers.flatMap(({ object }) => (object === undefined ? [] : [object]));
    let most = 0;
    for (let count = 0; count < 99; count += 1) {
      growing.get(paths[0] ?? '')?.append(new Uint8Array(100_000));
      most = Math.max(most, cache.flyingBytes);
      await Promise.resolve();
    }
    await objects[0]?.settled();
    expect(objects.map(({ state }) => state)).toEqual(['broken', 'filling', 'filling', 'filling']);
    for (const path of paths.slice(1)) {
      growing.get(path)?.complete();
    }
    await Promise.all(objects.map((object) => object.settled()));
    expect(objects.map(({ state }) => state)).toEqual([
      'broken',
      'complete',
      'complete',
      'complete',
    ]);
    expect(most).toBeLessThan(3 * 1024 * 1024);
  });

  test('a playlist is asked for again after a second, by its tag, and kept when nothing changed', async () => {
    const { clock, advance } = steppedClock();
    const asked: (string | undefined)[] = [];
    const cache = new MediaCache({
      upstream: upstreamOf((_path, etag) => {
        asked.push(etag);
        return etag === '"1"'
          ? empty({ status: 304, cacheControl: 'max-age=1' })
          : whole(Buffer.from('#EXTM3U'), { etag: '"1"', cacheControl: 'max-age=1' });
      }),
      clock,
      logger,
      maxBytes: 1024 * 1024,
    });
    const path = '/live/main/v720/5.m3u8';
    const first = await ask(cache, path);
    advance(999);
    await ask(cache, path);
    expect(asked).toEqual([undefined]);
    advance(1);
    expect((await ask(cache, path)).object).toBe(first.object);
    advance(999);
    await ask(cache, path);
    expect(asked).toEqual([undefined, '"1"']);
  });

  test('a 404 is kept for half a second, a failure not at all', async () => {
    const { clock, advance } = steppedClock();
    let asked = 0;
    let status = 404;
    const cache = new MediaCache({
      upstream: upstreamOf(() => {
        asked += 1;
        return empty({ status, cacheControl: 'max-age=60' });
      }),
      clock,
      logger,
      maxBytes: 1024 * 1024,
    });
    const path = '/live/main/v720/5.m4s';
    await ask(cache, path);
    advance(499);
    expect((await ask(cache, path)).status).toBe(404);
    expect(asked).toBe(1);
    advance(1);
    status = 500;
    expect((await ask(cache, path)).status).toBe(502);
    expect((await ask(cache, path)).status).toBe(502);
    expect(asked).toBe(3);
  });

  test('an answer whose end cannot be told from a cut is refused', async () => {
    const cache = new MediaCache({
      upstream: upstreamOf(() => whole(Buffer.from('x'), { length: undefined, isFramed: false })),
      clock: steppedClock().clock,
      logger,
      maxBytes: 1024 * 1024,
    });
    expect((await ask(cache, '/live/main/v720/1.m4s')).status).toBe(502);
    expect(cache.bytes).toBe(0);
  });
});
