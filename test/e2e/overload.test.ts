/** Workers that carry less than there is to do, on air: what is given up, what viewers get all the while, and what comes back. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Ladder } from '#common/contracts/channel';
import { LoopingPublisher } from '../fault/looping-publisher.ts';
import { victims } from '../fault/victims.ts';
import { fetchBytes } from '../helpers/broadcast-download.ts';
import { waitForAir, waitForRecording } from '../helpers/broadcast-run.ts';
import { governEncoders, measureEncoders } from '../helpers/cpu-governor.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { makeClip, RECIPES, type Clip } from '../helpers/sources.ts';

const TIMEOUT_MS = 240_000;
const LADDER: Ladder = {
  video: [
    { height: 720, maxBitrateBps: 2_500_000 },
    { height: 240, maxBitrateBps: 400_000 },
    { height: 120, maxBitrateBps: 150_000 },
  ],
  audio: { bitrateBps: 96_000 },
  preset: 'medium',
};
/** What lateness may be at its worst: it grows while it is recognised, and until the first segment with less. */
const MOST_BEHIND_SECONDS = 6;
/** What takes its time by the clock: recognising overload, and calm before anything comes back. */
const SLOW = { timeoutMs: 40_000 };

let pipeline: Pipeline;
let clip: Clip;

beforeAll(async () => {
  const sizes = [{ width: 1280, height: 720 }];
  clip = await makeClip({ ...RECIPES['steady-30'], name: 'steady-720', sizes }, 16);
  pipeline = await startPipeline({ WORKERS: '2', ON_OVERLOAD: 'shed' });
}, TIMEOUT_MS);

afterAll(async () => {
  expect(await pipeline.close()).toEqual([]);
}, TIMEOUT_MS);

const roots = (): number[] => victims(pipeline, 'transcoder').map(({ pid }) => pid);

const playlistOf = async (rendition: string, broadcast: number): Promise<string> =>
  (await fetchBytes(`${pipeline.edge}/live/cup/${rendition}/${broadcast}.m3u8`)).toString('utf8');

/** How old the newest part that a playlist lists is: seconds from its end to now. */
function behind(playlist: string): number {
  const first = /#EXT-X-PROGRAM-DATE-TIME:(.+)/.exec(playlist)?.[1] ?? '';
  const lines = playlist.split('\n');
  const lastWhole = lines.findLastIndex((line) => line.startsWith('#EXTINF:'));
  const seconds = lines.flatMap((line, at) => {
    const whole = /^#EXTINF:([\d.]+)/.exec(line)?.[1];
    const part = at > lastWhole ? /^#EXT-X-PART:DURATION=([\d.]+)/.exec(line)?.[1] : undefined;
    return [whole, part].filter((length) => length !== undefined).map(Number);
  });
  const length = seconds.reduce((sum, value) => sum + value, 0);
  return (Date.now() - Date.parse(first)) / 1000 - length;
}

test(
  'the dearest rendition goes, the others are on time again, and it comes back when there is room',
  async () => {
    const request = { id: 'cup', ladder: LADDER, profile: 'low', priority: 70 };
    const key = await pipeline.api.createChannel(request);
    const target = { port: pipeline.rtmpPort, key };
    const publisher = await LoopingPublisher.start(clip, target);
    const { broadcast, fps } = await waitForAir(pipeline, 'cup');
    // What ffmpeg takes while it keeps step is what is needed.
    let inStep = 0;
    await eventually('work in step', async () => {
      const text = await playlistOf('v120', broadcast).catch(() => '');
      inStep = text.includes('#EXTINF') && behind(text) < 1.5 ? inStep + 1 : 0;
      return inStep >= 30 ? true : undefined;
    });
    const cores = await measureEncoders(roots, 8);
    process.stdout.write(`ffmpeg takes ${cores.toFixed(2)} cores in step\n`);
    const governor = governEncoders(roots, 0.8 * cores);
    const lags: number[] = [];
    const away = await eventually(
      'a rendition to be withheld',
      async () => {
        lags.push(behind(await playlistOf('v120', broadcast)));
        const { renditions, warnings } = await pipeline.api.status('cup');
        const withheld = renditions.filter((rendition) => rendition.withheld !== undefined);
        return withheld.length > 0 ? { withheld, warnings } : undefined;
      },
      SLOW,
    );
    expect(away.withheld.map(({ id }) => id)).toEqual(['v720']);
    expect(away.warnings.map(({ code }) => code)).toContain('RENDITIONS_WITHHELD');
    const from = Number(away.withheld[0]?.withheld?.from);
    const index = await eventually('an index without it', async () => {
      const text = (await fetchBytes(`${pipeline.edge}/live/cup/index.m3u8`)).toString('utf8');
      return text.includes('v720/') ? undefined : text;
    });
    expect(index).toContain('v240/');
    // The rest is on time again, for good.
    let onTime = 0;
    await eventually(
      'the rest to be on time',
      async () => {
        const lag = behind(await playlistOf('v120', broadcast));
        lags.push(lag);
        onTime = lag < 1.5 ? onTime + 1 : 0;
        return onTime >= 20 ? true : undefined;
      },
      SLOW,
    );
    process.stdout.write(`lag at most ${Math.max(...lags).toFixed(2)} s\n`);
    expect(Math.max(...lags)).toBeLessThan(MOST_BEHIND_SECONDS);
    const gap = await playlistOf('v720', broadcast);
    expect(gap).toContain(`#EXT-X-GAP\n#EXTINF:2.000000,\n${from}.m4s`);
    expect((await fetch(`${pipeline.edge}/live/cup/v720/${from}.m4s`)).status).toBe(404);
    await governor.close();
    await eventually(
      'all of it to be back',
      async () => {
        const { renditions } = await pipeline.api.status('cup');
        const text = (await fetchBytes(`${pipeline.edge}/live/cup/index.m3u8`)).toString('utf8');
        const isBack = renditions.every(({ withheld }) => withheld === undefined);
        return isBack && text.includes('v720/') ? true : undefined;
      },
      SLOW,
    );
    const whole = await playlistOf('v120', broadcast);
    expect(whole).not.toContain('GAP');
    const numbers = [...whole.matchAll(/^(\d+)\.m4s$/gm)].map(([, n]) => Number(n));
    expect(numbers.at(-1)).toBe(Number(numbers[0]) + numbers.length - 1);
    for (const n of numbers) {
      const bytes = await fetchBytes(`${pipeline.edge}/live/cup/v120/${n}.m4s`);
      expect(bytes.byteLength).toBeGreaterThan(1_000);
    }
    await publisher.stop();
    // What was withheld is made from raw chunks, and the recording is whole.
    await waitForRecording(pipeline, 'cup', broadcast, fps);
    const vod = `${pipeline.edge}/vod/cup/${broadcast}/v720.m3u8`;
    const recording = await eventually(
      'a recording without gaps',
      async () => {
        const text = (await fetchBytes(vod)).toString('utf8');
        return text.includes('GAP') ? undefined : text;
      },
      SLOW,
    );
    const base = `${pipeline.edge}/live/cup/v720`;
    expect(recording).toContain(`/${from}.m4s`);
    expect((await fetchBytes(`${base}/${from}.m4s`)).byteLength).toBeGreaterThan(10_000);
  },
  TIMEOUT_MS,
);
