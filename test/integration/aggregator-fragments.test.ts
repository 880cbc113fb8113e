import { get, type IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { redisKeys } from '#common/contracts/names';
import type { Broadcast } from '#common/contracts/segment';
import { divisionOf } from '#common/division';
import { gridOf } from '#common/grid';
import {
  appendHotFragment,
  newestGeneration,
  readFirstFragments,
  restartHotFragments,
} from '#common/hot-fragments';
import { readPublishedFragments } from '#common/published-fragments';
import { readPublished } from '#common/published-stream';
import { segmentNumber } from '#common/time';
import { eventually } from '../helpers/poll.ts';
import { fragmentedObjectsOf, fragmentsOf } from '../unit/aggregator/segments-made.ts';
import { listed, openHarness, playlistOf, type OriginHarness } from './aggregator-harness.ts';

let harness: OriginHarness;

beforeAll(async () => {
  harness = await openHarness();
});

afterEach(() => harness.stop());

afterAll(() => harness.close());

/** What a worker does: fragments `[from, to)` of a segment into a rendition's hot stream. */
async function append(
  broadcast: Broadcast,
  id: string,
  n: number,
  [from, to]: readonly [number, number],
  { salt = 0, worker = 'w1', generation = 0 } = {},
): Promise<void> {
  const rendition = broadcast.renditions.find((known) => known.id === id);
  if (rendition === undefined) {
    throw new Error(`no rendition ${id}`);
  }
  const { init, fragments } = fragmentsOf(broadcast, rendition, n, salt);
  await Promise.all(
    fragments.slice(from, to).map((bytes, i) =>
      appendHotFragment(
        harness.redis,
        { channel: broadcast.channel, rendition: id },
        {
          n: segmentNumber(n),
          k: from + i,
          bytes,
          init,
          fingerprint: 'test',
          worker,
          generation,
        },
        500,
      ),
    ),
  );
}

const appendAll = async (
  broadcast: Broadcast,
  n: number,
  range: [number, number],
): Promise<void> => {
  for (const { id } of broadcast.renditions) {
    await append(broadcast, id, n, range);
  }
};

/** An answer's bytes as they come. */
interface Reader {
  readonly response: IncomingMessage;
  /** Resolves when that many bytes are here. */
  until(bytes: number): Promise<Buffer>;
  readonly whole: Promise<Buffer>;
}

async function open(url: string): Promise<Reader> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, resolve).on('error', reject);
  });
  const chunks: Buffer[] = [];
  const have = (): Buffer => Buffer.concat(chunks);
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  const whole = new Promise<Buffer>((resolve, reject) => {
    response.once('end', () => {
      resolve(have());
    });
    response.once('error', reject);
  });
  return {
    response,
    whole,
    until: (bytes) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (have().byteLength >= bytes) {
            response.off('data', look);
            resolve(have());
          }
        };
        response.on('data', look);
        look();
      }),
  };
}

const known = (url: string, broadcast: Broadcast): Promise<true> =>
  eventually('the broadcast to be known', async () => {
    const path = `/live/${broadcast.channel}/v720/${broadcast.broadcast}.m3u8`;
    return (await fetch(`${url}${path}`)).status === 200 ? true : undefined;
  });

const lengthsOf = (broadcast: Broadcast, id: string, n: number): number[] => {
  const rendition = broadcast.renditions.find((item) => item.id === id);
  return rendition === undefined
    ? []
    : fragmentsOf(broadcast, rendition, n).fragments.map(({ byteLength }) => byteLength);
};
const sum = (list: readonly number[]): number => list.reduce((total, value) => total + value, 0);
const wholeOf = (broadcast: Broadcast, id: string, n: number): Buffer =>
  fragmentedObjectsOf(broadcast, n).get(id)?.data ?? Buffer.alloc(0);

describe.each(['low', 'instant'] as const)('the origin in %s', (profile) => {
  const division = divisionOf(gridOf('30'), profile);

  test('serves a segment while it grows, whatever the other renditions do, and commits it once its result has come', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast({ profile });
    const n = broadcast.broadcast;
    const base = `${url}/live/${broadcast.channel}/v720`;
    await harness.begin(broadcast);
    await known(url, broadcast);
    // Held until the first fragment.
    const opening = open(`${base}/${n}.m4s`);
    await append(broadcast, 'v720', n, [0, 1]);
    const reader = await opening;
    expect(reader.response.headers['content-length']).toBeUndefined();
    const sizes = lengthsOf(broadcast, 'v720', n);
    for (let k = 1; k < division.fragments; k += 1) {
      expect((await reader.until(sum(sizes.slice(0, k)))).byteLength).toBe(sum(sizes.slice(0, k)));
      await append(broadcast, 'v720', n, [k, k + 1]);
    }
    expect((await reader.whole).equals(wholeOf(broadcast, 'v720', n))).toBe(true);
    expect(await playlistOf(url, broadcast, 'v720')).toContain(`\n${n}.m4s\n`);
    expect(await playlistOf(url, broadcast, 'v360')).not.toContain(`\n${n}.m4s\n`);
    // The others never come through the hot streams: they are cut out of the result.
    await harness.make(broadcast, n, fragmentedObjectsOf(broadcast, n));
    await listed(url, broadcast, n, 'v360');
    await eventually('the record', async () =>
      (await readPublished(harness.redis, broadcast.channel)).length === 1 ? true : undefined,
    );
    const [first, second] = ['v360', 'a128'].map((id) => wholeOf(broadcast, id, n));
    const bytesOf = async (path: string): Promise<Buffer> =>
      Buffer.from(await (await fetch(`${url}/live/${broadcast.channel}/${path}`)).arrayBuffer());
    expect((await bytesOf(`v360/${n}.m4s`)).equals(first ?? Buffer.alloc(0))).toBe(true);
    expect((await bytesOf(`a128/${n}.m4s`)).equals(second ?? Buffer.alloc(0))).toBe(true);
    // Parts together are the segment.
    const parts = await Promise.all(
      Array.from({ length: division.parts }, (_, k) => bytesOf(`v720/${n}.${k}.m4s`)),
    );
    expect(Buffer.concat(parts).equals(wholeOf(broadcast, 'v720', n))).toBe(true);
    expect((await fetch(`${base}/${n}.${division.parts}.m4s`)).status).toBe(404);
    expect((await readPublishedFragments(harness.redis, broadcast.channel)).length).toBe(
      division.fragments * broadcast.renditions.length,
    );
  });

  test('answers a blocking reload and a hinted part with the publication they wait for', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast({ profile });
    const n = broadcast.broadcast;
    const base = `${url}/live/${broadcast.channel}/v720`;
    await harness.begin(broadcast);
    await known(url, broadcast);
    const index = fetch(`${url}/live/${broadcast.channel}/index.m3u8`);
    await appendAll(broadcast, n, [0, division.fragmentsOfPart]);
    expect((await index).status).toBe(200);
    const playlist = `${base}/${n}.m3u8`;
    const reload = fetch(`${playlist}?_HLS_msn=${n}&_HLS_part=1`);
    const hinted = fetch(`${base}/${n}.1.m4s`);
    await append(broadcast, 'v720', n, [division.fragmentsOfPart, 2 * division.fragmentsOfPart]);
    const text = await (await reload).text();
    expect(text).toContain(`URI="${n}.1.m4s"`);
    expect(text).toContain(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${n}.2.m4s"`);
    expect(text).toContain(
      `#EXT-X-RENDITION-REPORT:URI="../a128/${n}.m3u8",LAST-MSN=${n},LAST-PART=0`,
    );
    expect((await hinted).status).toBe(200);
    await (await hinted).arrayBuffer();
    expect((await fetch(`${playlist}?_HLS_msn=${n + 2}`)).status).toBe(400);
    expect((await fetch(`${playlist}?_HLS_part=2`)).status).toBe(400);
    expect((await fetch(`${base}/${n + 50}.0.m4s`)).status).toBe(404);
    // Too long: 503.
    expect((await fetch(`${playlist}?_HLS_msn=${n + 1}`)).status).toBe(503);
  });

  test('goes on after a restart in mid-segment, and never changes what was published', async () => {
    let url = await harness.start();
    const broadcast = harness.newBroadcast({ profile });
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await known(url, broadcast);
    const cut = division.fragmentsOfPart * 2;
    await appendAll(broadcast, n, [0, division.fragments]);
    await harness.make(broadcast, n, fragmentedObjectsOf(broadcast, n));
    await appendAll(broadcast, n + 1, [0, cut]);
    const before = await eventually('two parts', async () => {
      const text = await playlistOf(url, broadcast, 'v720');
      // The preload hint has the part's name before it is there.
      return text.includes(`,URI="${n + 1}.1.m4s"\n#EXT-X-PRELOAD-HINT`) ? text : undefined;
    });
    await eventually('the record', async () =>
      (await readPublished(harness.redis, broadcast.channel)).length === 1 ? true : undefined,
    );
    await harness.stop();
    url = await harness.start();
    // What it told of the others is as old as itself.
    const own = (text: string): string => text.replaceAll(/^#EXT-X-RENDITION-REPORT.*\n/gm, '');
    expect(own(await playlistOf(url, broadcast, 'v720'))).toBe(own(before));
    const reader = await open(`${url}/live/${broadcast.channel}/v720/${n + 1}.m4s`);
    // Another worker makes the segment from its beginning; one has other bytes.
    await append(broadcast, 'v720', n + 1, [0, cut + 1], { salt: 5, worker: 'w2' });
    await append(broadcast, 'v360', n + 1, [0, division.fragments], { worker: 'w3' });
    await append(broadcast, 'a128', n + 1, [0, division.fragments], { worker: 'w3' });
    // The differing one's next fragment was first and is valid: it stays, as what was published does.
    await append(broadcast, 'v720', n + 1, [0, division.fragments], { worker: 'w3' });
    const bytes = await reader.whole;
    const good = lengthsOf(broadcast, 'v720', n + 1);
    const published = sum(good.slice(0, cut));
    expect(
      bytes.subarray(0, published).equals(wholeOf(broadcast, 'v720', n + 1).subarray(0, published)),
    ).toBe(true);
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(
      /rejected_results_total\{.*differs.*\} [1-9]/,
    );
    const notes = await readPublishedFragments(harness.redis, broadcast.channel);
    const places = notes.map(({ rendition, n: number, k }) => `${rendition} ${number} ${k}`);
    expect(new Set(places).size).toBe(places.length);
    expect(places).toHaveLength(2 * division.fragments * broadcast.renditions.length);
  });

  test('takes each fragment once from workers that race, in whatever order they come', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast({ profile });
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await known(url, broadcast);
    for (const { id } of broadcast.renditions) {
      await append(broadcast, id, n, [2, division.fragments], { worker: 'w2' });
      await append(broadcast, id, n, [1, 4], { worker: 'w1' });
      await append(broadcast, id, n + 1, [0, 1], { worker: 'w3' });
      await append(broadcast, id, n, [0, division.fragments], { worker: 'w1' });
    }
    const reader = await open(`${url}/live/${broadcast.channel}/v360/${n}.m4s`);
    expect((await reader.whole).equals(wholeOf(broadcast, 'v360', n))).toBe(true);
    await eventually('the next segment', async () =>
      (await playlistOf(url, broadcast, 'v360')).includes(`\n${n}.m4s\n`) ? true : undefined,
    );
  });

  test('goes on with what a successor makes behind what is out, whatever the one before it appends later', async () => {
    const url = await harness.start();
    const broadcast = harness.newBroadcast({ profile });
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await known(url, broadcast);
    const { fragments } = division;
    const stream = { channel: broadcast.channel, rendition: 'v360' };
    const restart = (generation: number): Promise<number> =>
      restartHotFragments(harness.redis, stream, { n: segmentNumber(n), generation }, fragments);
    expect(await restart(1)).toBe(0);
    await append(broadcast, 'v360', n, [0, 2]);
    expect(await restart(1)).toBe(2);
    // Nothing has come since: who takes over now makes what the one before would have.
    expect(await restart(2)).toBe(2);
    await append(broadcast, 'v360', n, [2, 4]);
    expect(await restart(2)).toBe(2);
    await append(broadcast, 'v360', n, [2, 3], { worker: 'w2', generation: 1, salt: 1 });
    expect(await restart(2)).toBe(3);
    await append(broadcast, 'v360', n, [3, 5], { worker: 'w2', generation: 1, salt: 1 });
    await append(broadcast, 'v360', n, [3, fragments], { worker: 'w3', generation: 2, salt: 2 });
    expect(await restart(3)).toBe(fragments);
    const reader = await open(`${url}/live/${broadcast.channel}/v360/${n}.m4s`);
    const rendition = broadcast.renditions.find(({ id }) => id === 'v360');
    if (rendition === undefined) {
      throw new Error('no rendition v360');
    }
    const made = [0, 1, 2].map((salt) => fragmentsOf(broadcast, rendition, n, salt).fragments);
    const wanted = Array.from(
      { length: fragments },
      (_, k) => made[k < 2 ? 0 : k < 3 ? 1 : 2]?.[k],
    );
    const whole = await reader.whole;
    expect(whole.equals(Buffer.concat(wanted.flatMap((bytes) => bytes ?? [])))).toBe(true);
    const first = await readFirstFragments(harness.redis, stream, segmentNumber(n), 3);
    expect(first.map(({ bytes }) => [...bytes])).toEqual(
      wanted.slice(0, 3).map((bytes) => [...(bytes ?? [])]),
    );
    expect(await newestGeneration(harness.redis, stream, segmentNumber(n))).toBe(2);
  });

  test('notes again what an emptied Redis has lost, and goes on', async () => {
    await harness.redis.del(redisKeys.life);
    const url = await harness.start();
    const broadcast = harness.newBroadcast({ profile });
    const n = broadcast.broadcast;
    await harness.begin(broadcast);
    await known(url, broadcast);
    await eventually('a look at Redis', async () =>
      (await harness.redis.exists(redisKeys.life)) === 1 ? true : undefined,
    );
    await appendAll(broadcast, n, [0, division.fragmentsOfPart]);
    const hasPart = (k: number) => async (): Promise<true | undefined> =>
      (await playlistOf(url, broadcast, 'v720')).includes(
        `#EXT-X-PART:DURATION=${division.parts === 6 ? '0.333333' : '0.200000'},URI="${n}.${k}.m4s"`,
      )
        ? true
        : undefined;
    await eventually('the first part', hasPart(0));
    await harness.redis.flushall();
    await eventually('what was published', async () =>
      (await readPublishedFragments(harness.redis, broadcast.channel)).length >=
      division.fragmentsOfPart * broadcast.renditions.length
        ? true
        : undefined,
    );
    await appendAll(broadcast, n, [division.fragmentsOfPart, 2 * division.fragmentsOfPart]);
    await eventually('the second part', hasPart(1));
  });
});
