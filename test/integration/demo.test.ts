import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runOk } from '../helpers/child.ts';
import { readFrames, readSound } from '../helpers/decode.ts';
import { beepOnsets } from '../helpers/sound-report.ts';
import { flashOnsets } from '../helpers/stamp-report.ts';

const SIZE = { width: 1280, height: 720 };
const FPS = 30;
/** The clip's length, eight seconds, in pictures and in AAC frames of 1024 samples. */
const FRAMES = 240;
const AAC_FRAMES = 375;

const RENDER = new URL('../../demo/render.ts', import.meta.url).href;

let folder: string;
let clip: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'touchline-demo-'));
  clip = join(folder, 'demo', 'clip.flv');
  // In a process of its own: inside jest's sandbox the drawing takes ten times as long.
  const program = `import { renderClip } from ${JSON.stringify(RENDER)};
    await renderClip(${JSON.stringify(clip)}, 1);`;
  await runOk(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]);
}, 120_000);

afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe('the rendered match', () => {
  test('leaves the clip and nothing else', async () => {
    expect(await readdir(join(folder, 'demo'))).toEqual(['clip.flv']);
  });

  test('counts its frames, flashes and beeps on the second', async () => {
    const frames = await readFrames(clip, SIZE, [{ x: 0, y: 0, ...SIZE }]);
    expect(frames.map((frame) => frame.stamp)).toEqual(Array.from({ length: FRAMES }, (_, n) => n));
    const flashes = flashOnsets([false, ...frames.map((frame) => frame.isFlash)]);
    expect(flashes.map((onset) => onset - 1)).toEqual([0, 30, 60, 90, 120, 150, 180, 210]);
    const rate = 48_000;
    const onsets = beepOnsets(await readSound(clip), rate).map((sample) => sample / rate);
    // The first beep lies in the first AAC frame, which no decoder can give whole without the one before it.
    const offsets = onsets.slice(1).map((onset) => Math.abs(onset - Math.round(onset)));
    expect(offsets).toHaveLength(7);
    expect(Math.max(...offsets)).toBeLessThan(0.005);
  }, 60_000);

  test('loops without a seam in picture or sound', async () => {
    const looped = join(folder, 'looped.flv');
    const twice = ['-stream_loop', '1', '-i', clip, '-c', 'copy', '-f', 'flv', looped];
    await runOk('ffmpeg', ['-v', 'error', '-xerror', ...twice]);
    const { stdout } = await runOk('ffprobe', [
      ...['-v', 'error', '-show_entries', 'packet=codec_type,dts,flags', '-of', 'csv=p=0', looped],
    ]);
    const packets = stdout.toString('utf8').trim().split('\n');
    const times = (kind: string): number[] =>
      packets.filter((line) => line.startsWith(kind)).map((line) => Number(line.split(',')[1]));
    const video = times('video');
    expect(video).toEqual(video.map((_, n) => Math.round((n * 1000) / FPS)));
    expect(video).toHaveLength(2 * FRAMES);
    const audio = times('audio');
    expect(audio).toHaveLength(2 * AAC_FRAMES);
    for (const [n, time] of audio.entries()) {
      expect(Math.abs(time - (n * 1024) / 48)).toBeLessThanOrEqual(1);
    }
    const keys = packets
      .filter((line) => /^video,.*K/.test(line))
      .map((line) => Number(line.split(',')[1]));
    expect(keys).toEqual([0, 2, 4, 6, 8, 10, 12, 14].map((second) => second * 1000));
  }, 60_000);
});
