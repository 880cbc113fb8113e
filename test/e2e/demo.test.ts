/**
 * `npm start -- --demo` as its first user meets it: the match in Chromium, by both engines, with picture and sound.
 *
 * @takes-seconds 45
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { z } from 'zod';
import { isTooHeavy, type Admission } from '#common/contracts/admission';
import { storeKeys } from '#common/contracts/names';
import { broadcastSchema } from '#common/contracts/segment';
import { workerCapacitySchema, type WorkerCapacity } from '#common/contracts/worker-capacity';
import { segmentNumber } from '#common/time';
import { freeCores } from '../../scheduler/plan/capacity.ts';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { readStamp } from '../helpers/frame-stamp.ts';
import { watchMachine, type MachineLoad } from '../helpers/machine-load.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { commandLine, processTree } from '../helpers/process-tree.ts';

const FPS = 30;
/** Frames of the clip, which begins anew without a seam. */
const LOOP = 64 * FPS;
/** The callback is best effort: the page may already show the next picture when it runs. */
const CALLBACK_LAG = 1;
const PICTURE = { x: 0, y: 0, width: 640, height: 360 };
/** Rows of the picture that hold the stamp. */
const STAMP_ROWS = 48;
/** How far the beep's 1 kHz must stand above what the crowd has at 1.5 kHz. */
const BEEP_DB = 20;

/** The clip is a minute of picture to draw and encode. */
const RENDERED_MS = 180_000;

const servicesSchema = z.object({
  services: z.array(z.object({ service: z.string(), detail: z.unknown() })),
});
const pictureSchema = z.object({ mediaTime: z.number(), luma: z.string() });

/** Both ends of a reading lie up to a sample beside those of the test's, with all cores taken meanwhile or none. */
const READING_ERROR_CORES = 0.4;
/** From a worker's reading until the leader has it, and from the decision until the channel tells that it is on air. */
const OLD_WORD_MS = 1_500;

let pipeline: Pipeline;
let chromium: Chromium;
/** What the broadcast began with, and what the test itself saw free when that was decided. */
let begun: { readonly admission: Admission; readonly seenFree: number };
/** What workers told until it was on air, the oldest first. */
const words: { readonly at: number; readonly workers: readonly WorkerCapacity[] }[] = [];

beforeAll(async () => {
  const machine = watchMachine();
  // As whoever tries it has it: beside other tests it sheds rather than fall behind.
  pipeline = await startPipeline({ WORKERS: '2', ON_OVERLOAD: 'shed' }, ['--demo']);
  begun = await eventually('the demo to be rendered and on air', () => onAir(machine), {
    timeoutMs: RENDERED_MS,
  });
  machine.stop();
  chromium = await startChromium();
  await eventually(
    'its playlist',
    async () => (await fetch(`${pipeline.edge}/live/demo/index.m3u8`)).ok || undefined,
    { timeoutMs: 30_000 },
  );
}, 240_000);

afterAll(async () => {
  await chromium.close();
  expect(await pipeline.close()).toEqual([]);
});

/** Undefined until it is on air. */
async function onAir(machine: MachineLoad): Promise<typeof begun | undefined> {
  const { broadcast } = await pipeline.api.status('demo');
  if (typeof broadcast !== 'number') {
    const { services } = servicesSchema.parse(await pipeline.api.call('GET', '/v1/services', 200));
    const workers = services
      .filter(({ service }) => service === 'transcoder')
      .map(({ detail }) => workerCapacitySchema.parse(detail));
    words.push({ at: Date.now(), workers });
    return undefined;
  }
  const record = path.join(
    pipeline.dataDir,
    'store',
    storeKeys.broadcast('demo', segmentNumber(broadcast)),
  );
  const { admission } = broadcastSchema.parse(JSON.parse(await readFile(record, 'utf8')));
  if (admission === undefined) {
    throw new Error('the workers had not told what they carry');
  }
  // Decided between the last look that did not find it on air and this one.
  const from = (words.at(-1)?.at ?? 0) - OLD_WORD_MS;
  const otherCores = machine.mostTold(from, Date.now()) + READING_ERROR_CORES;
  const seen = words
    .filter(({ at }) => at >= from)
    .map(({ workers }) =>
      freeCores(
        workers.map((worker) => ({ ...worker, otherCores })),
        0,
      ),
    );
  return { admission, seenFree: Math.min(...seen.map((cores) => cores ?? 0)) };
}

/** Run in the page. */
const LOOK = `new Promise((resolve) => {
  const video = document.querySelector('video');
  const canvas = document.createElement('canvas');
  canvas.width = ${PICTURE.width};
  canvas.height = ${PICTURE.height};
  const context = canvas.getContext('2d', { willReadFrequently: true });
  video.requestVideoFrameCallback((_now, { mediaTime }) => {
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const rgba = context.getImageData(0, 0, canvas.width, ${STAMP_ROWS}).data;
    const green = rgba.filter((_value, i) => i % 4 === 1);
    resolve({ mediaTime, luma: btoa(String.fromCharCode(...green)) });
  });
})`;

/** The next picture that the page presents: its frame number and its place on the media's timeline. */
async function nextFrame(page: Page): Promise<{ frame: number; mediaTime: number } | undefined> {
  const seen: unknown = await page.evaluate(LOOK);
  const { mediaTime, luma } = pictureSchema.parse(seen);
  const data = Buffer.from(luma, 'base64');
  const frame = readStamp({ width: PICTURE.width, height: STAMP_ROWS, data }, PICTURE);
  return frame === undefined ? undefined : { frame, mediaTime };
}

/** Run in the page. */
const LISTEN = `{
  const audio = new AudioContext();
  const analyser = new AnalyserNode(audio, { fftSize: 2048, smoothingTimeConstant: 0 });
  const source = audio.createMediaElementSource(document.querySelector('video'));
  source.connect(analyser).connect(audio.destination);
  globalThis.beepDb = () => {
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const at = (hertz) => bins[Math.round((hertz * analyser.fftSize) / audio.sampleRate)];
    return at(1000) - at(1500);
  };
}`;

/** Lets the page listen to what it plays; gives a function that tells how far the beep stands out at this moment. */
async function listen(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(LISTEN);
  return () => page.evaluate<number>('beepDb()');
}

test.each(['hls', 'dash'])(
  'the match plays by %s: the burnt-in frame number counts the frames, and every second beeps',
  async (engine) => {
    const page = await chromium.context.newPage();
    await page.goto(`${pipeline.edge}/watch/demo?player=${engine}`);
    await eventually('the first picture', async () => {
      const frames = await page.evaluate<number>('__touchline.stats().frames');
      return frames > 0 || undefined;
    });
    expect(await page.evaluate('__touchline.engine')).toBe(engine);
    // On a busy machine a callback is later than that now and then, and then two other pictures tell.
    await eventually('as many frame numbers as frames between two pictures', async () => {
      const first = await eventually('a stamped picture', () => nextFrame(page));
      const later = await eventually('a picture two seconds on', async () => {
        const seen = await nextFrame(page);
        return seen !== undefined && seen.mediaTime > first.mediaTime + 2 ? seen : undefined;
      });
      const shown = (later.frame - first.frame + LOOP) % LOOP;
      const due = Math.round((later.mediaTime - first.mediaTime) * FPS);
      return Math.abs(shown - due) <= CALLBACK_LAG || undefined;
    });

    // The choice is remembered: on the second visit there is sound from the start.
    if (await page.evaluate<boolean>('__touchline.stats().muted')) {
      await page.keyboard.press('m');
    }
    const beepDb = await listen(page);
    await eventually('a beep', async () => (await beepDb()) > BEEP_DB || undefined);
    await eventually('the crowd alone', async () => (await beepDb()) < BEEP_DB / 2 || undefined);
    await page.close();
  },
  90_000,
);

test('it begins with what the machine has once it is rendered, and warns of nothing where that is enough', async () => {
  const { admission, seenFree } = begun;
  expect(admission.freeCores).toBeGreaterThanOrEqual(Math.floor(seenFree * 100) / 100);
  const { warnings } = await pipeline.api.status('demo');
  const ofLadder = warnings.filter(({ code }) => code.includes('LADDER'));
  expect(ofLadder.map(({ code }) => code)).toEqual(
    isTooHeavy(admission) ? ['LADDER_TOO_HEAVY'] : [],
  );
});

test('no command line of it has the stream key', () => {
  const key = readFileSync(path.join(pipeline.dataDir, 'stream-key-demo'), 'utf8').trim();
  const lines = processTree(pipeline.pid).map(({ pid }) => commandLine(pid));
  expect(lines.filter((line) => line.includes('ffpreset'))).not.toEqual([]);
  expect(lines.filter((line) => line.includes(key))).toEqual([]);
});
