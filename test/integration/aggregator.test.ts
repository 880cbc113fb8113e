import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { readPublished } from '#common/published-stream';
import { redisKeys, storeKeys } from '#common/contracts/names';
import { originStatusSchema } from '#common/contracts/status';
import { segmentNumber } from '#common/time';
import { eventually } from '../helpers/poll.ts';
import { bytesOf, objectsOf } from '../unit/aggregator/segments-made.ts';
import {
  listed,
  numbersIn,
  openHarness,
  playlistOf,
  type OriginHarness,
} from './aggregator-harness.ts';

let harness: OriginHarness;

beforeAll(async () => {
  harness = await openHarness();
});

afterEach(() => harness.stop());

afterAll(() => harness.close());

describe('the origin', () => {
  test('publishes in order what arrives out of order, and serves the very bytes', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const first = broadcast.broadcast;
    await harness.begin(broadcast);
    await harness.make(broadcast, first + 2);
    await harness.make(broadcast, first + 1);
    await harness.make(broadcast, first);
    const playlist = await listed(url, broadcast, first + 2);
    expect(numbersIn(playlist)).toEqual([first, first + 1, first + 2]);
    for (const rendition of broadcast.renditions) {
      const path = `/live/${broadcast.channel}/${rendition.id}`;
      const response = await fetch(`${url}${path}/${first + 1}.m4s`);
      expect(response.status).toBe(200);
      expect(response.headers.get('cache-control')).toContain('immutable');
      const expected = bytesOf(broadcast, rendition, first + 1);
      expect(Buffer.from(await response.arrayBuffer()).equals(expected.data)).toBe(true);
      const map = /URI="(init-[0-9a-f]{16}\.mp4)"/.exec(
        await playlistOf(url, broadcast, rendition.id),
      );
      const init = await fetch(`${url}${path}/${map?.[1] ?? ''}`);
      expect(Buffer.from(await init.arrayBuffer()).equals(expected.init)).toBe(true);
    }
    const entries = await readPublished(harness.redis, broadcast.channel);
    expect(entries).toHaveLength(3);
    const status = originStatusSchema.parse(
      JSON.parse((await harness.redis.hget(redisKeys.origin, broadcast.channel)) ?? ''),
    );
    expect(status.renditions.map(({ id, published }) => [id, published])).toEqual(
      broadcast.renditions.map(({ id }) => [id, first + 2]),
    );
  });

  test('knows a broadcast that begins, and publishes its first segments, while the store hangs', async () => {
    const url = await harness.start();
    harness.hangReads(true);
    // Its first segment ends in fifty segments' time.
    const broadcast = harness.newBroadcast();
    const beginning = { ...broadcast, broadcast: segmentNumber(broadcast.broadcast + 60) };
    const n = beginning.broadcast;
    await harness.begin(beginning);
    await harness.make(beginning, n);
    await harness.make(beginning, n + 1);
    expect(numbersIn(await listed(url, beginning, n + 1))).toEqual([n, n + 1]);
    harness.hangReads(false);
  });

  test('takes results that come while their broadcast begins, while the store hangs', async () => {
    const url = await harness.start();
    harness.hangReads(true);
    const broadcasts = Array.from({ length: 8 }, () => {
      const broadcast = harness.newBroadcast();
      return { ...broadcast, broadcast: segmentNumber(broadcast.broadcast + 60) };
    });
    await harness.beginMade(broadcasts);
    for (const broadcast of broadcasts) {
      // Whoever asks for a broadcast that is not known yet has the store looked through.
      await eventually('its first number to be published', async () =>
        (await readPublished(harness.redis, broadcast.channel)).length === 1 ? true : undefined,
      );
      await listed(url, broadcast, broadcast.broadcast);
    }
    harness.hangReads(false);
  });

  test('does not publish a segment that is off the grid, and takes a good one after it', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await harness.make(broadcast, n, objectsOf(broadcast, n, { v720: { shift: 1 } }));
    await harness.make(broadcast, n + 1);
    await eventually('the result to be refused', async () =>
      /rejected_results_total\{.*BAD_MEDIA.*\} 1/.test(await (await fetch(`${url}/metrics`)).text())
        ? true
        : undefined,
    );
    expect(numbersIn(await playlistOf(url, broadcast, 'v720'))).toEqual([]);
    await harness.make(broadcast, n);
    await listed(url, broadcast, n + 1);
  });

  test('notes again what an emptied Redis has lost, goes on, and is whole after a restart', async () => {
    await harness.redis.del(redisKeys.life);
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await harness.make(broadcast, n);
    await harness.make(broadcast, n + 1);
    await eventually('a look at Redis', async () =>
      (await harness.redis.exists(redisKeys.life)) === 1 ? true : undefined,
    );
    await listed(url, broadcast, n + 1);
    await harness.redis.flushall();
    const published = redisKeys.published(broadcast.channel);
    await eventually('what was published', async () =>
      (await harness.redis.xlen(published)) >= 2 ? true : undefined,
    );
    await harness.make(broadcast, n + 2);
    const playlist = await listed(url, broadcast, n + 2);
    expect(numbersIn(playlist)).toEqual([n, n + 1, n + 2]);
    const again = await listed(await harness.start(), broadcast, n + 2);
    expect(numbersIn(again)).toEqual([n, n + 1, n + 2]);
  });

  test('lists all that is published when whoever ends the broadcast knows of less', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await harness.make(broadcast, n);
    await harness.make(broadcast, n + 1);
    await listed(url, broadcast, n + 1);
    await harness.end(broadcast, n);
    const playlist = await eventually('the end', async () => {
      const text = await playlistOf(url, broadcast, 'v720');
      return text.includes('#EXT-X-ENDLIST') ? text : undefined;
    });
    expect(numbersIn(playlist)).toEqual([n, n + 1]);
  });

  test('holds a request for the next number until it is published', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await eventually('the broadcast to be known', async () => {
      const path = `/live/${broadcast.channel}/v720/${n}.m3u8`;
      return (await fetch(`${url}${path}`)).status === 200 ? true : undefined;
    });
    const index = fetch(`${url}/live/${broadcast.channel}/index.m3u8`);
    const held = fetch(`${url}/live/${broadcast.channel}/a128/${n + 1}.m4s`);
    await harness.make(broadcast, n);
    await harness.make(broadcast, n + 1);
    expect((await index).status).toBe(200);
    expect((await held).status).toBe(200);
  });

  test('answers a blocking reload of whole segments with the number it waits for, its end, 400 or 503', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await harness.make(broadcast, n);
    await listed(url, broadcast, n);
    const playlist = `${url}/live/${broadcast.channel}/v720/${n}.m3u8`;
    const reload = fetch(`${playlist}?_HLS_msn=${n + 1}&_HLS_part=7`);
    await harness.make(broadcast, n + 1);
    const answer = await reload;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toContain('max-age=12');
    expect(numbersIn(await answer.text())).toEqual([n, n + 1]);
    expect((await fetch(`${playlist}?_HLS_msn=${n + 4}`)).status).toBe(400);
    expect((await fetch(`${playlist}?_HLS_part=1`)).status).toBe(400);
    expect((await fetch(`${playlist}?_HLS_msn=${n + 2}`)).status).toBe(503);
    const last = fetch(`${playlist}?_HLS_msn=${n + 2}`);
    await harness.end(broadcast, n + 1);
    expect(await (await last).text()).toContain('#EXT-X-ENDLIST');
  });

  test('answers 503 when a held number does not come, and 404 for what will never be', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await harness.make(broadcast, n);
    await listed(url, broadcast, n);
    const base = `${url}/live/${broadcast.channel}`;
    const held = await fetch(`${base}/v720/${n + 2}.m4s`);
    expect(held.status).toBe(503);
    expect(held.headers.get('retry-after')).toBe('1');
    const far = await fetch(`${base}/v720/${n + 5_000}.m4s`);
    expect(far.status).toBe(404);
    expect(far.headers.get('cache-control')).toBe('public, max-age=1');
    expect((await fetch(`${base}/v720/${n - 1}.m4s`)).status).toBe(404);
    expect((await fetch(`${base}/v999/${n}.m4s`)).status).toBe(404);
    expect((await fetch(`${url}/live/nobody/index.m3u8`)).status).toBe(404);
  });

  test('commits when the worker has stored, and puts the objects itself when it has not', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const { channel, broadcast: n } = broadcast;
    await harness.begin(broadcast);
    const result = await harness.make(broadcast, n);
    await harness.keep(broadcast, result);
    await harness.make(broadcast, n + 1);
    await listed(url, broadcast, n + 1);
    const commitOf = (number: number) => () =>
      harness.store.get(storeKeys.commit(channel, segmentNumber(n), segmentNumber(number)));
    const record = JSON.parse(
      (await eventually('the commit record', commitOf(n))).toString(),
    ) as unknown;
    expect(record).toMatchObject({ n, broadcast: n, fingerprint: 'test' });
    await eventually('the commit record', commitOf(n + 1));
    const written = await harness.store.get(
      storeKeys.segment(channel, 'v720', segmentNumber(n + 1)),
    );
    expect(written?.equals(objectsOf(broadcast, n + 1).get('v720')?.data ?? Buffer.alloc(0))).toBe(
      true,
    );
  });

  test('lists after a restart what was listed before, goes on with the next number, and never takes one back', async () => {
    let url = await harness.start();
    const broadcast = harness.newBroadcast();
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    for (const number of [n, n + 1, n + 2]) {
      await harness.make(broadcast, number);
    }
    // Accepted and not yet published: number n + 3 is missing.
    await harness.make(broadcast, n + 4);
    const before = await listed(url, broadcast, n + 2);
    await eventually('the later result to be accepted', async () =>
      (await harness.redis.hlen(`accepted:{${broadcast.channel}}`)) === 1 ? true : undefined,
    );
    const manifest = await (await fetch(`${url}/live/${broadcast.channel}/index.mpd`)).text();
    await harness.stop();
    url = await harness.start();
    expect(await playlistOf(url, broadcast, 'v720')).toBe(before);
    expect(await (await fetch(`${url}/live/${broadcast.channel}/index.mpd`)).text()).toBe(manifest);
    const response = await fetch(`${url}/live/${broadcast.channel}/v720/${n + 1}.m4s`);
    expect(
      Buffer.from(await response.arrayBuffer()).equals(
        objectsOf(broadcast, n + 1).get('v720')?.data ?? Buffer.alloc(0),
      ),
    ).toBe(true);
    await harness.make(broadcast, n + 3);
    expect(numbersIn(await listed(url, broadcast, n + 4))).toEqual([n, n + 1, n + 2, n + 3, n + 4]);
    const entries = await readPublished(harness.redis, broadcast.channel);
    expect(entries).toHaveLength(5);
  });

  test('keeps no result beyond its publication, however often it comes', async () => {
    let url = await harness.start();
    const broadcast = harness.newBroadcast();
    const n = broadcast.broadcast;
    const accepted = `accepted:{${broadcast.channel}}`;
    await harness.begin(broadcast);
    for (let number: number = n; number < n + 20; number += 1) {
      await Promise.all(Array.from({ length: 4 }, () => harness.make(broadcast, number)));
      await listed(url, broadcast, number);
    }
    const isEmpty = async (): Promise<true | undefined> =>
      (await harness.redis.exists(accepted)) === 0 ? true : undefined;
    await eventually('nothing to be left', isEmpty);
    for (const key of await harness.redis.keys(`*{${broadcast.channel}}*`)) {
      expect({ key, ends: (await harness.redis.ttl(key)) > 0 }).toEqual({ key, ends: true });
    }
    // A process that ended between publishing and forgetting has left one.
    await harness.stop();
    const late = await harness.make(broadcast, n + 3);
    await harness.redis.hset(accepted, n + 3, JSON.stringify(late));
    url = await harness.start();
    await eventually('nothing to be left', isEmpty);
    expect(numbersIn(await playlistOf(url, broadcast, 'v720'))).toHaveLength(20);
  });

  test('ends a broadcast: the playlist, the static manifest, the recording', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast();
    const { channel, broadcast: n } = broadcast;
    await harness.begin(broadcast);
    for (const number of [n, n + 1, n + 2]) {
      await harness.keep(broadcast, await harness.make(broadcast, number));
    }
    await harness.end(broadcast, n + 2);
    const playlist = await eventually('the playlist to end', async () => {
      const text = await playlistOf(url, broadcast, 'a128');
      return text.includes('#EXT-X-ENDLIST') ? text : undefined;
    });
    expect(numbersIn(playlist)).toEqual([n, n + 1, n + 2]);
    await eventually('the static manifest', async () => {
      const text = await (await fetch(`${url}/live/${channel}/index.mpd`)).text();
      return text.includes('type="static"') ? text : undefined;
    });
    const recording = await eventually('the recording', async () => {
      const response = await fetch(`${url}/vod/${channel}/${n}/index.mpd`);
      return response.status === 200 ? response.text() : undefined;
    });
    expect(recording).toContain('mediaPresentationDuration="PT6S"');
    expect(recording).toContain(`<BaseURL>../../../live/${channel}/</BaseURL>`);
    const vod = await (await fetch(`${url}/vod/${channel}/${n}/v720.m3u8`)).text();
    expect(vod).toContain(`../../../live/${channel}/v720/${n}.m4s`);
    expect((await fetch(`${url}/vod/${channel}/${n}/index.m3u8`)).status).toBe(200);

    // Another start knows it from the store alone.
    await harness.stop();
    await harness.redis.del(redisKeys.published(channel));
    const again = await harness.start();
    expect(await playlistOf(again, broadcast, 'a128')).toBe(playlist);
    const segment = await fetch(`${again}/live/${channel}/v720/${n + 1}.m4s`, {
      headers: { range: 'bytes=4-7' },
    });
    expect(segment.status).toBe(206);
    expect(await segment.text()).toBe('moof');
    expect((await fetch(`${again}/live/${channel}/index.m3u8`)).status).toBe(200);
    expect((await fetch(`${again}/vod/${channel}/${n}/v360.m3u8`)).status).toBe(200);
  });
});
