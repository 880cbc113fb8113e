import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Broadcast } from '#common/contracts/segment';
import { bytesOf } from '../unit/aggregator/segments-made.ts';
import { listed, openHarness, playlistOf, type OriginHarness } from './aggregator-harness.ts';

let harness: OriginHarness;
let url: string;
let broadcast: Broadcast;
let segment: string;
let data: Buffer;

beforeAll(async () => {
  harness = await openHarness();
  url = await harness.start();
  broadcast = harness.newBroadcast();
  const n = broadcast.broadcast;
  await harness.begin(broadcast);
  await harness.make(broadcast, n);
  await listed(url, broadcast, n);
  segment = `${url}/live/${broadcast.channel}/v720/${n}.m4s`;
  const [, v720] = broadcast.renditions;
  data = v720 === undefined ? Buffer.alloc(0) : bytesOf(broadcast, v720, n).data;
});

afterAll(() => harness.close());

/** Status line of a request sent as it is, unnormalised. */
async function raw(target: string, method = 'GET'): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.end(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1').split('\r\n')[0] ?? '';
}

describe("the origin's HTTP", () => {
  test.each([
    ['bytes=0-9', 206, 0, 10],
    ['bytes=5-', 206, 5, undefined],
    ['bytes=-7', 206, -7, undefined],
    ['bytes=3-99999999', 206, 3, undefined],
    ['bytes=0-1,5-6', 200, 0, undefined],
    ['lines=0-1', 200, 0, undefined],
    ['bytes=9-3', 200, 0, undefined],
  ])('answers the range %s with %d', async (range, status, start, end) => {
    const response = await fetch(segment, { headers: { range } });
    expect(response.status).toBe(status);
    expect(response.headers.get('accept-ranges')).toBe('bytes');
    const expected = data.subarray(start, end);
    expect(Buffer.from(await response.arrayBuffer()).equals(expected)).toBe(true);
    expect(response.headers.get('content-length')).toBe(String(expected.byteLength));
  });

  test('answers a range beyond the end with 416 and the size', async () => {
    const response = await fetch(segment, { headers: { range: 'bytes=99999999-' } });
    expect(response.status).toBe(416);
    expect(response.headers.get('content-range')).toBe(`bytes */${data.byteLength}`);
  });

  test('answers HEAD as GET without a body', async () => {
    for (const target of [segment, `${url}/live/${broadcast.channel}/index.m3u8`, `${url}/time`]) {
      const [get, head] = [await fetch(target), await fetch(target, { method: 'HEAD' })];
      expect(head.status).toBe(200);
      expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
      expect(head.headers.get('etag')).toBe(get.headers.get('etag'));
      expect(await head.text()).toBe('');
    }
  });

  test('answers 304 while a playlist or manifest has not changed', async () => {
    for (const name of ['index.m3u8', 'index.mpd', `v720/${broadcast.broadcast}.m3u8`]) {
      const target = `${url}/live/${broadcast.channel}/${name}`;
      const first = await fetch(target);
      expect(first.headers.get('cache-control')).toBe('public, max-age=1');
      const etag = first.headers.get('etag') ?? '';
      const again = await fetch(target, { headers: { 'if-none-match': `"other", W/${etag}` } });
      expect(again.status).toBe(304);
      expect(await again.text()).toBe('');
      expect((await fetch(target, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
    }
  });

  test('is open to every page, ignores queries, and knows no other method', async () => {
    const response = await fetch(`${segment}?CMCD=x&token=y`);
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const refused = await fetch(segment, { method });
      expect(refused.status).toBe(405);
      expect(refused.headers.get('allow')).toBe('GET, HEAD');
    }
  });

  test.each([
    '/live/../store/channels/final.json',
    '/live/%2e%2e/index.m3u8',
    '/live//index.m3u8',
    '/live/c1/v720/../../../etc/passwd',
    '/live/c1/v720/1e3.m4s',
    '/live/c1/v720/-1.m4s',
    '/live/c1/v720/01.m4s',
    '/live/C1/index.m3u8',
    '/live/c1/index.m3u8/',
    '/live/c1/v720/init-xyz.mp4',
    `/live/${'c'.repeat(64)}/index.m3u8`,
    `/live/c1/v720/${'9'.repeat(300)}.m4s`,
    'http://elsewhere/live/c1/index.m3u8',
  ])('knows nothing of %s', async (target) => {
    expect(await raw(target)).toBe('HTTP/1.1 404 Not Found');
  });

  test('refuses a header larger than its bound', async () => {
    expect(await raw(`/time?${'x'.repeat(20_000)}`)).toContain('431');
  });

  test('tells the time by its clock', async () => {
    const response = await fetch(`${url}/time`);
    const text = await response.text();
    expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  test('lets a client that goes away leave its hold', async () => {
    const gone = new AbortController();
    const held = fetch(`${url}/live/${broadcast.channel}/v720/${broadcast.broadcast + 1}.m4s`, {
      signal: gone.signal,
    });
    const heldNow = async (): Promise<string> =>
      /held_requests\{[^}]*\} (\d+)|held_requests (\d+)/.exec(
        await (await fetch(`${url}/metrics`)).text(),
      )?.[0] ?? '';
    while (!(await heldNow()).endsWith(' 1')) {
      // The request is on its way.
    }
    gone.abort();
    await expect(held).rejects.toThrow('aborted');
    while (!(await heldNow()).endsWith(' 0')) {
      // Its end is on its way.
    }
    expect(await playlistOf(url, broadcast, 'v720')).toContain('#EXTM3U');
  });
});
