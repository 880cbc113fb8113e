import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Broadcast } from '#common/contracts/segment';
import { madeAt, type Shed } from '#common/contracts/shed';
import { divisionOf } from '#common/division';
import { gridOf } from '#common/grid';
import { appendHotFragment } from '#common/hot-fragments';
import { readPublished } from '#common/published-stream';
import { milliseconds, segmentNumber } from '#common/time';
import { problemsOf } from '../helpers/ll-hls-rules.ts';
import { eventually } from '../helpers/poll.ts';
import { fragmentedObjectsOf, fragmentsOf, objectsOf } from '../unit/aggregator/segments-made.ts';
import { listed, openHarness, playlistOf, type OriginHarness } from './aggregator-harness.ts';

let harness: OriginHarness;

beforeAll(async () => {
  harness = await openHarness();
});

afterEach(() => harness.stop());

afterAll(() => harness.close());

const shedOf = (from: number, withheld: string[]): Shed => ({
  from: segmentNumber(from),
  withheld,
  at: milliseconds(from),
  reason: 'late',
  lateMs: 900,
  lateChannel: 'final',
});

/** Fragments `[from, to)` of a segment come from a worker, of all that is made of it. */
async function grow(broadcast: Broadcast, n: number, from: number, to: number): Promise<void> {
  const part = { ...broadcast, renditions: [...madeAt(broadcast, segmentNumber(n))] };
  for (let k = from; k < to; k += 1) {
    for (const rendition of part.renditions) {
      const made = fragmentsOf(part, rendition, n);
      const bytes = made.fragments[k] ?? Buffer.alloc(0);
      const stream = { channel: broadcast.channel, rendition: rendition.id };
      const told = { n: segmentNumber(n), k, bytes, init: made.init };
      await appendHotFragment(
        harness.redis,
        stream,
        { ...told, fingerprint: 'test', worker: 'w1', generation: 0 },
        500,
      );
    }
  }
}

/** What a worker does that was given what is made of the segment: its fragments, then its result. */
async function makeGrowing(broadcast: Broadcast, n: number): Promise<void> {
  const part = { ...broadcast, renditions: [...madeAt(broadcast, segmentNumber(n))] };
  await grow(broadcast, n, 0, divisionOf(gridOf(broadcast.fps), broadcast.profile).fragments);
  await harness.make(part, n, fragmentedObjectsOf(part, n));
}

const offers = async (url: string, { channel }: Broadcast, id: string): Promise<boolean> => {
  const hls = await (await fetch(`${url}/live/${channel}/index.m3u8`)).text();
  const dash = await (await fetch(`${url}/live/${channel}/index.mpd`)).text();
  const isIn = hls.includes(`${id}/`);
  expect(dash.includes(`<Representation id="${id}"`)).toBe(isIn);
  return isIn;
};

describe.each(['low', 'standard'] as const)('the origin in %s', (profile) => {
  const make = async (broadcast: Broadcast, n: number): Promise<void> => {
    if (profile === 'low') {
      await makeGrowing(broadcast, n);
      return;
    }
    const part = { ...broadcast, renditions: [...madeAt(broadcast, segmentNumber(n))] };
    await harness.make(part, n, objectsOf(part, n));
  };

  test('goes on without what is withheld, says where it is missing, and has it again from its return on', async () => {
    let url = await harness.start();
    const begun = harness.newBroadcast({ profile });
    const n = begun.broadcast;
    const path = `/live/${begun.channel}/v720`;
    await harness.begin(begun);
    await make(begun, n);
    await listed(url, begun, n);
    expect(await offers(url, begun, 'v720')).toBe(true);

    // Held, for it is about to be; until it is known that it never will.
    const held = fetch(`${url}${path}/${n + 2}.m4s`);
    const away = await harness.shed(begun, [shedOf(n + 2, ['v720'])]);
    expect((await held).status).toBe(404);
    expect(await offers(url, away, 'v720')).toBe(false);
    await make(away, n + 1);
    await listed(url, away, n + 1);
    await make(away, n + 2);
    const gap = await listed(url, away, n + 2);
    expect(gap).toMatch(new RegExp(`#EXT-X-GAP\\n#EXTINF:[\\d.]+,\\n${n + 2}\\.m4s`));
    expect(await listed(url, away, n + 2, 'v360')).not.toContain('GAP');

    // A whole result of a hedge that was begun before does no harm, and a restart forgets nothing.
    url = await harness.start();
    await harness.make(
      away,
      n + 3,
      profile === 'low' ? fragmentedObjectsOf(away, n + 3) : undefined,
    );
    await listed(url, away, n + 3, 'v360');
    expect(await listed(url, away, n + 3)).toContain(`#EXT-X-GAP\n#EXTINF:2.000000,\n${n + 3}.m4s`);
    expect((await fetch(`${url}${path}/${n + 3}.m4s`)).status).toBe(404);

    const back = await harness.shed(away, [...away.sheds, shedOf(n + 5, [])]);
    await make(back, n + 4);
    await listed(url, back, n + 4);
    expect(await offers(url, back, 'v720')).toBe(false);
    await make(back, n + 5);
    const again = await eventually('segments after the gap', async () => {
      const text = await playlistOf(url, back, 'v720');
      return text.includes(`,\n${n + 5}.m4s`) && (await offers(url, back, 'v720'))
        ? text
        : undefined;
    });
    expect(again.match(/#EXT-X-GAP/g)).toHaveLength(3);
    if (profile === 'low') {
      expect(problemsOf(again, 2)).toEqual([]);
    }
    expect((await fetch(`${url}${path}/${n + 5}.m4s`)).status).toBe(200);
    // What was withheld is made when there is room: nothing of it is missing any more.
    for (const k of [2, 3, 4]) {
      const part = {
        ...back,
        renditions: back.renditions.filter(({ id }) => id === 'v720'),
      };
      const objects = profile === 'low' ? fragmentedObjectsOf(part, n + k) : undefined;
      await harness.make(part, n + k, objects);
    }
    await eventually('a playlist without gaps', async () =>
      (await playlistOf(url, back, 'v720')).includes('GAP') ? undefined : true,
    );
    const filled = await fetch(`${url}${path}/${n + 3}.m4s`);
    expect(filled.status).toBe(200);
    expect((await filled.arrayBuffer()).byteLength).toBeGreaterThan(1_000);
    url = await harness.start();
    expect(await playlistOf(url, back, 'v720')).not.toContain('GAP');
    await harness.end(back, n + 5);
    const vod = `${url}/vod/${back.channel}/${back.broadcast}`;
    const recording = await eventually('the recording', async () => {
      const answer = await fetch(`${vod}/v720.m3u8`);
      return answer.status === 200 ? answer.text() : undefined;
    });
    expect(recording).not.toContain('GAP');
    expect(recording.match(/\.m4s$/gm)).toHaveLength(6);
    const mpd = await (await fetch(`${vod}/index.mpd`)).text();
    expect(mpd.match(/<Period /g)).toHaveLength(1);
    expect(mpd).toContain('<Representation id="v720"');
    const records = await readPublished(harness.redis, back.channel);
    expect(records.map((record) => [record.n - n, record.renditions.length])).toEqual([
      [0, 3],
      [1, 3],
      [2, 2],
      [3, 2],
      [4, 2],
      [5, 3],
    ]);
  });

  if (profile === 'low') {
    test('leaves off in the middle of a segment: what was published of it stays, the rest is a gap, and nobody takes it for whole', async () => {
      let url = await harness.start();
      const begun = harness.newBroadcast({ profile });
      const n = begun.broadcast;
      const path = `/live/${begun.channel}/v720`;
      const { fragments } = divisionOf(gridOf(begun.fps), profile);
      await harness.begin(begun);
      await make(begun, n);
      await listed(url, begun, n);
      await grow(begun, n + 1, 0, 2);
      const growing = await fetch(`${url}${path}/${n + 1}.m4s`);
      expect(growing.status).toBe(200);
      const etag = growing.headers.get('etag') ?? '';
      const file = `${url}${path}/${n}.m3u8`;
      const known = await (await fetch(`${file}?_HLS_msn=${n + 1}&_HLS_part=1`)).text();
      const part = await (await fetch(`${url}${path}/${n + 1}.1.m4s`)).arrayBuffer();

      const away = await harness.shed(begun, [shedOf(n + 1, ['v720'])]);
      await expect(growing.arrayBuffer()).rejects.toThrow();
      await grow(away, n + 1, 2, fragments);
      await harness.make(
        { ...away, renditions: [...madeAt(away, segmentNumber(n + 1))] },
        n + 1,
        fragmentedObjectsOf(
          { ...away, renditions: [...madeAt(away, segmentNumber(n + 1))] },
          n + 1,
        ),
      );
      await listed(url, away, n + 1, 'v360');
      await make(away, n + 2);
      for (let restarts = 0; restarts < 2; restarts += 1) {
        const gap = await listed(url, away, n + 2);
        expect(gap).toContain(`#EXT-X-GAP\n#EXTINF:2.000000,\n${n + 1}.m4s`);
        const parts = [...gap.matchAll(new RegExp(`URI="${n + 1}\\.(\\d+)\\.m4s".*`, 'g'))];
        expect(parts.map(([line]) => line.includes('GAP'))).toEqual(
          Array.from({ length: fragments }, (_, k) => k >= 2),
        );
        expect(problemsOf(gap, 2)).toEqual([]);
        expect((await fetch(`${url}${path}/${n + 1}.m4s`)).status).toBe(404);
        const headers = { range: 'bytes=100-', 'if-range': etag };
        const goneOn = await fetch(`${url}${path}/${n + 1}.m4s`, { headers });
        expect(goneOn.status).toBe(410);
        expect((await fetch(`${url}${path}/${n + 1}.2.m4s`)).status).toBe(404);
        url = restarts === 0 ? await harness.start() : url;
      }
      for (const line of known.split('\n').filter((text) => text.includes(`"${n + 1}.`))) {
        expect(line).not.toContain('GAP');
      }
      expect(part.byteLength).toBeGreaterThan(100);
      const owed = { ...away, renditions: away.renditions.filter(({ id }) => id === 'v720') };
      await harness.make(owed, n + 1, fragmentedObjectsOf(owed, n + 1));
      const whole = await eventually('what was left off', async () => {
        const answer = await fetch(`${url}${path}/${n + 1}.m4s`);
        return answer.status === 200 ? answer.arrayBuffer() : undefined;
      });
      expect(whole.byteLength).toBeGreaterThan(part.byteLength);
    });

    test('lists gaps part by part, in step with the others, and answers who waits for one', async () => {
      const url = await harness.start();
      const begun = harness.newBroadcast({ profile });
      const n = begun.broadcast;
      await harness.begin(begun);
      await make(begun, n);
      await listed(url, begun, n);
      const away = await harness.shed(begun, [shedOf(n + 1, ['v720'])]);
      await eventually('the mark to be known', async () =>
        (await offers(url, away, 'v720')) ? undefined : true,
      );
      const file = `${url}/live/${away.channel}/v720/${away.broadcast}.m3u8`;
      const reload = fetch(`${file}?_HLS_msn=${n + 1}&_HLS_part=0`);
      await make(away, n + 1);
      const answer = await (await reload).text();
      expect(answer).toContain(`URI="${n + 1}.0.m4s",INDEPENDENT=YES,GAP=YES`);
      expect(answer).not.toContain('PRELOAD-HINT');
      expect(problemsOf(answer, 2)).toEqual([]);
    });
  }
});
