/**
 * Fields through the whole pipeline, from RTMP to what a viewer downloads.
 *
 * @takes-seconds 35
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Ladder } from '#common/contracts/channel';
import { downloadBroadcast } from '../helpers/broadcast-download.ts';
import { waitForAir, waitForRecording, type Recorded } from '../helpers/broadcast-run.ts';
import {
  drawMoments,
  encodeMoments,
  lumaOf,
  recognise,
  SLATE_DB,
  type MomentClip,
  type Recognised,
} from '../helpers/moments.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { publishClip } from '../helpers/publish-clip.ts';

const SIZE = { width: 320, height: 192 };
const LADDER: Ladder = {
  video: [{ height: SIZE.height, maxBitrateBps: 4_000_000 }],
  audio: { bitrateBps: 96_000 },
  preset: 'superfast',
};
const TIMEOUT_MS = 180_000;

interface Part extends MomentClip {
  readonly from: number;
  readonly count: number;
}

const PROGRESSIVE: MomentClip = { rate: '50', fields: 'none', x264: 'keyint=50:bframes=2' };
const COUNT = 600;

/** Publishes by channel; each part over a connection of its own, cut off at its end unless it is the last. */
const PUBLISHED = {
  i50: [{ rate: '50', fields: 'top first', x264: 'keyint=50:bframes=2', from: 0, count: COUNT }],
  i5994: [
    {
      rate: '60000/1001',
      fields: 'bottom first',
      x264: 'keyint=120:bframes=0',
      from: 0,
      count: COUNT,
    },
  ],
  changes: [
    { ...PROGRESSIVE, from: 0, count: 250 },
    { ...PROGRESSIVE, fields: 'top first', from: 400, count: 250 },
    { ...PROGRESSIVE, from: 800, count: 250 },
  ],
} as const satisfies Readonly<Record<string, readonly Part[]>>;

/** What viewers get: the rate, and the moment that each picture shows. */
interface Viewed {
  readonly fps: string;
  readonly seen: readonly Recognised[];
}

let pipeline: Pipeline;
let folder: string;
const viewings = new Map<string, Promise<Viewed>>();
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-fields-'));
  const moments = drawMoments(SIZE, 1100);
  const clips = new Map<string, string[]>();
  for (const [channel, parts] of Object.entries(PUBLISHED)) {
    const files: string[] = [];
    for (const part of parts) {
      const file = path.join(folder, `${channel}-${files.length}.flv`);
      const own = moments.slice(part.from, part.from + part.count);
      files.push(await encodeMoments(file, own, SIZE, part));
    }
    clips.set(channel, files);
  }
  pipeline = await startPipeline();
  const publishing = new Map(
    [...clips].map(([channel, files]) => [channel, publishAll(channel, files)]),
  );
  // Recognising pictures leaves a feed of this process no time: a stall that viewers are to see.
  const allSent = Promise.allSettled(publishing.values());
  for (const [channel, recorded] of publishing) {
    const viewing = allSent.then(async () => view(await recorded, moments));
    // Its own test reports the error; the others go on.
    viewing.catch(() => undefined);
    viewings.set(channel, viewing);
  }
}, TIMEOUT_MS);
afterAll(async () => {
  await Promise.allSettled(viewings.values());
  expect(await pipeline.close()).toEqual([]);
  await rm(folder, { recursive: true, force: true });
}, TIMEOUT_MS);

/** Publishes clips one after another. @returns the recording */
async function publishAll(channel: string, clips: readonly string[]): Promise<Recorded> {
  const key = await pipeline.api.createChannel({ id: channel, ladder: LADDER });
  let onAir: ReturnType<typeof waitForAir> | undefined;
  for (const [i, clip] of clips.entries()) {
    const publication = await eventually(
      `the stream key of ${channel} to be accepted`,
      () => publishClip(clip, { port: pipeline.rtmpPort, key }, {}),
      { timeoutMs: 5000 },
    );
    onAir ??= waitForAir(pipeline, channel);
    await publication.sent;
    if (i === clips.length - 1) {
      await publication.publisher.stop();
    } else {
      publication.publisher.drop();
    }
  }
  const { broadcast, fps } = (await onAir) ?? { broadcast: 0, fps: '25' as const };
  return waitForRecording(pipeline, channel, broadcast, fps);
}

async function view(
  { channel, fps, hls }: Recorded,
  moments: readonly Uint8Array[],
): Promise<Viewed> {
  const { renditions } = await downloadBroadcast(hls);
  const video = renditions.find(({ id }) => id === `v${SIZE.height}`);
  const [init = { data: Buffer.alloc(0) }] = video?.inits ?? [];
  const media = (video?.segments ?? []).map(({ data }) => data);
  const parts: readonly Part[] = PUBLISHED[channel as keyof typeof PUBLISHED];
  const seen: Recognised[] = [];
  for (const luma of await lumaOf([init.data, ...media], SIZE)) {
    const before = seen.at(-1)?.moment;
    const near =
      before === undefined ? numbers(0, 200) : [1, 0, 2, -1, 3, -2, 4, -3].map((by) => before + by);
    // A publish's first pictures are late for the part that is closed when it comes.
    const others = parts.flatMap(({ from }) => (from > (before ?? 0) ? numbers(from, 100) : []));
    seen.push(recognise(luma, SIZE, moments, [...near, ...others]));
  }
  return { fps, seen };
}

const viewedOf = async (channel: keyof typeof PUBLISHED): Promise<Viewed> =>
  (await viewings.get(channel)) ?? { fps: 'did not run', seen: [] };

const numbers = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i);

/** Moments shown from the first on until `last`, with what follows it. */
const until = (seen: readonly Recognised[], last: number): number[] =>
  seen.slice(0, seen.findIndex(({ moment }) => moment === last) + 1).map(({ moment }) => moment);

describe('a feed of fields', () => {
  test.each([
    ['50', 'i50'],
    ['60000/1001', 'i5994'],
  ] as const)(
    'is %s pictures a second, every field once and in order',
    async (fps, channel) => {
      const viewed = await viewedOf(channel);
      expect(viewed.fps).toBe(fps);
      const shown = until(viewed.seen, COUNT - 1);
      expect(shown).toEqual(numbers(shown[0] ?? -1, shown.length));
      expect(shown.length).toBeGreaterThan(COUNT - 240);
      const quality = viewed.seen.slice(0, shown.length - 2).map(({ db }) => db);
      expect(Math.min(...quality)).toBeGreaterThan(34);
    },
    TIMEOUT_MS,
  );

  test(
    'may come after a progressive one and before another, over reconnects',
    async () => {
      const viewed = await viewedOf('changes');
      expect(viewed.fps).toBe('50');
      // What is no publish's picture is the slate, which a machine brings that takes more than 2 s to connect again.
      const moments = viewed.seen.filter(({ db }) => db > SLATE_DB).map(({ moment }) => moment);
      // Within each publish every moment once and in order, from the first that is shown to the last.
      for (const { from, count } of PUBLISHED.changes) {
        const last = from + count - 1;
        const own = moments.filter(
          (moment, i) => moment >= from && moment <= last && moment !== moments[i - 1],
        );
        expect(own).toEqual(numbers(own[0] ?? -1, last + 1 - (own[0] ?? last)));
        expect(own.length).toBeGreaterThan(100);
      }
    },
    TIMEOUT_MS,
  );
});
