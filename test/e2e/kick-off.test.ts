/**
 * Thousands wait for one kick-off: whoever joins in a broadcast's first seconds, by whatever player, sees it.
 *
 * @takes-seconds 60
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { run } from '../helpers/child.ts';
import { eventually } from '../helpers/poll.ts';
import { runEdge, type RunningEdge } from '../integration/edge-run.ts';
import { startKickOffOrigin, type KickOffOrigin } from './kick-off-origin.ts';
import { makeWatchMedia } from './watch-media.ts';

const ROOT = path.join(import.meta.dirname, '../..');
/** As late as a pipeline of `standard` on a machine with little to spare. */
const LATENESS_MS = 2_500;
const JOINS = 20;
/** Joins at a time: as many as two cores can show. */
const TOGETHER = 5;
const PLAYING_FRAMES = 10;
const JOIN_MS = 15_000;

/** Foreign players, as a page of another site would use them: file, and how it is started on the element `video`. */
const FOREIGN = {
  'hls.js': {
    file: 'hls.js/dist/hls.min.js',
    start: `const hls = new Hls(); hls.loadSource(base + '.m3u8'); hls.attachMedia(video);`,
  },
  'dash.js': {
    file: 'dashjs/dist/modern/umd/dash.mediaplayer.min.js',
    start: `dashjs.MediaPlayer().create().initialize(video, base + '.mpd', true);`,
  },
  Shaka: {
    file: 'shaka-player/dist/shaka-player.compiled.js',
    start: `const player = new shaka.Player(); player.attach(video).then(() => player.load(base + '.mpd'));`,
  },
} as const;

let chromium: Chromium;
let origin: KickOffOrigin;
let edge: RunningEdge;
let reads: Promise<unknown>;

beforeAll(async () => {
  if (!existsSync(path.join(ROOT, 'player/dist/manifest.json'))) {
    execFileSync(process.execPath, [path.join(ROOT, 'player/build.mjs')]);
  }
  // Small ones: what is tried are beginnings.
  const media = await makeWatchMedia([
    { height: 270, bitrateBps: 500_000 },
    { height: 180, bitrateBps: 300_000 },
    { height: 90, bitrateBps: 100_000 },
  ]);
  origin = await startKickOffOrigin(media, LATENESS_MS);
  edge = await runEdge(origin.url);
  for (const [name, { file, start }] of Object.entries(FOREIGN)) {
    origin.serve(
      `/${name}`,
      'text/javascript',
      await readFile(path.join(ROOT, 'node_modules', file)),
    );
    origin.serve(
      `/${name}.html`,
      'text/html',
      `<video muted autoplay></video><script src="/${name}"></script><script>
        const video = document.querySelector('video');
        const base = '${edge.url}/live/' + location.hash.slice(1) + '/index';
        ${start}</script>`,
    );
  }
  chromium = await startChromium({ width: 640, height: 480 });
  // They wait for the clock, in broadcasts of their own: pages join others meanwhile.
  reads = Promise.all([true, false].map((isFirstMoment) => readByFfmpeg(isFirstMoment)));
  // Its own test reports the error.
  reads.catch(() => undefined);
}, 120_000);

afterAll(async () => {
  await reads.catch(() => undefined);
  await chromium.close();
  await edge.close();
  await origin.close();
});

/** Joins that never showed a moving picture, each with what its element said. */
async function joinsWithoutPicture(pageOf: (channel: string) => string): Promise<string[]> {
  const failed: string[] = [];
  let left = JOINS;
  const joinOneByOne = async (): Promise<void> => {
    const page = await chromium.context.newPage();
    while (left > 0) {
      left -= 1;
      // Mostly the moment at which sound and picture begin together, as one broadcast in four does.
      const channel = origin.kickOff(left % 4 !== 0);
      await page.goto('about:blank');
      await page.goto(pageOf(channel));
      try {
        await eventually(
          'a moving picture',
          async () =>
            // Not by waitForFunction, which a page's content policy forbids.
            (await page.evaluate<number>(
              `document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0`,
            )) > PLAYING_FRAMES || undefined,
          { timeoutMs: JOIN_MS },
        );
      } catch {
        const said = await page.evaluate<string>(
          `(({ currentTime, readyState, buffered }) => JSON.stringify({ currentTime, readyState, start: buffered.length > 0 ? buffered.start(0) : null }))(document.querySelector('video'))`,
        );
        failed.push(`${channel} ${said}`);
      }
    }
    await page.close();
  };
  await Promise.all(Array.from({ length: TOGETHER }, joinOneByOne));
  return failed;
}

describe('every join in the first seconds of a broadcast shows a picture', () => {
  test.each(Object.keys(FOREIGN))(
    'by %s',
    async (name) => {
      expect(
        await joinsWithoutPicture((channel) => `${origin.url}/${name}.html#${channel}`),
      ).toEqual([]);
    },
    JOINS * JOIN_MS,
  );

  test(
    "by the page's DASH engine",
    async () => {
      expect(
        await joinsWithoutPicture((channel) => `${edge.url}/embed/${channel}?player=dash`),
      ).toEqual([]);
    },
    JOINS * JOIN_MS,
  );
});

/** Reads a young broadcast by ffmpeg: from its first moment, or once its window has some segments. */
async function readByFfmpeg(isFirstMoment: boolean): Promise<void> {
  const channel = origin.kickOff(true);
  if (!isFirstMoment) {
    await origin.published(channel, 2);
  }
  // Before a second segment exists it waits once a rendition, and its tracks may begin some numbers apart: both have to be seen.
  const seconds = isFirstMoment ? 14 : 6;
  const { code, stdout, stderr } = await run('ffmpeg', [
    ...['-v', 'error', '-nostdin', '-i', `${edge.url}/live/${channel}/index.mpd`],
    ...['-t', String(seconds)],
    ...['-map', 'v:0', '-map', 'a', '-c', 'copy', '-f', 'framemd5', '-'],
  ]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const times: [number[], number[]] = [[], []];
  for (const line of stdout
    .toString()
    .split('\n')
    .filter((text) => /^[01],/.test(text))) {
    const [stream, dts] = line.split(',').map(Number);
    times[stream === 0 ? 0 : 1].push(dts ?? Number.NaN);
  }
  for (const found of times) {
    expect(found.length).toBeGreaterThan(50);
    expect(found).toEqual(found.toSorted((a, b) => a - b));
  }
  const segments = origin.asked.filter((target) => isSegmentOf(channel, target));
  expect(segments).toEqual([...new Set(segments)]);
  expect(segments.length).toBeLessThanOrEqual(3 * seconds);
}

const isSegmentOf = (channel: string, target: string): boolean =>
  target.startsWith(`${channel}/`) && target.endsWith('.m4s');

test('ffmpeg reads a live broadcast forward, each segment once, and without a complaint, from its first moment and later', async () => {
  await reads;
}, 60_000);
