/** Pictures missing under sound, sound missing under pictures, and a feed that stutters: what viewers get of each. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { recordClip } from '../helpers/broadcast-run.ts';
import {
  longestSilence,
  losingPictures,
  losingSound,
  reportTracks,
  type TracksReport,
} from '../helpers/lost-tracks.ts';
import { SMALL_LADDER, startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import type { Pace } from '../helpers/publish-clip.ts';
import { makeClip, RECIPES, type Clip, type ClipRecipe } from '../helpers/sources.ts';

const TIMEOUT_MS = 400_000;
const SECONDS = 64;
/** Shorter than the longest hole, and than any silence that is borne. */
const RECONNECT_SECONDS = 5;
const GOP = 60;

/** A tone, and pictures in B-frame order with a keyframe every two seconds. */
const RECIPE: ClipRecipe = {
  ...RECIPES['steady-30'],
  name: 'tracks-apart',
  sizes: [{ width: 320, height: 180 }],
  sound: 'tone',
  x264: `-preset superfast -g ${GOP} -keyint_min ${GOP} -sc_threshold 0 -bf 2`.split(' '),
};

const PICTURE_HOLES = [
  { fromMs: 6_000, toMs: 7_000 },
  { fromMs: 9_500, toMs: 14_000 },
  { fromMs: 18_500, toMs: 30_000, hasKeyframes: true },
  { fromMs: 36_500, toMs: 54_000 },
];
const SOUND_HOLES = [
  { fromMs: 8_000, toMs: 11_000 },
  { fromMs: 20_000, toMs: 33_000 },
];
const STALL = { fromMs: 9_000, ms: 3_000 };

let pipeline: Pipeline;
let clip: Clip;
const reports = new Map<string, Promise<TracksReport>>();

function publish(channel: string, pace: Pace): void {
  const report = async (): Promise<TracksReport> => {
    const recorded = await recordClip(pipeline, clip, {
      channel,
      ladder: { ...SMALL_LADDER, video: SMALL_LADDER.video.slice(-1) },
      reconnectSeconds: RECONNECT_SECONDS,
      pace,
    });
    return reportTracks(recorded.hls, recorded.fps, clip);
  };
  const running = report();
  // Its own test tells what went wrong.
  running.catch(() => undefined);
  reports.set(channel, running);
}

async function reportOf(channel: string): Promise<TracksReport> {
  const report = await reports.get(channel);
  if (report === undefined) {
    throw new Error(`${channel} did not run`);
  }
  return report;
}

beforeAll(async () => {
  clip = await makeClip(RECIPE, SECONDS);
  pipeline = await startPipeline();
  publish('blind', { keeps: losingPictures(PICTURE_HOLES) });
  publish('mute', { keeps: losingSound(SOUND_HOLES) });
  publish('stutter', { stall: STALL, untilMs: 24_000 });
}, TIMEOUT_MS);

afterAll(async () => {
  await Promise.allSettled(reports.values());
  expect(await pipeline.close()).toEqual([]);
}, TIMEOUT_MS);

/** Source frames whose presentation time lies in `[fromMs, toMs)` of the feed. */
const framesIn = (fromMs: number, toMs: number): number[] =>
  clip.times.flatMap((time, frame) => (time + 200 >= fromMs && time + 200 < toMs ? [frame] : []));

describe('while pictures are missing', () => {
  test(
    'sound is unbroken: through holes, keyframes alone, and a camera that is gone for longer than a reconnect',
    async () => {
      const { sound, joins } = await reportOf('blind');
      expect(sound.places).toBeGreaterThan((SECONDS - 5) * 11);
      expect(sound.worstDb).toBeGreaterThan(25);
      expect(joins.places).toBeGreaterThan(SECONDS / 2 - 4);
      expect(joins.worstDb).toBeGreaterThanOrEqual(30);
    },
    TIMEOUT_MS,
  );

  test(
    'each keyframe is shown, and what comes after the hole',
    async () => {
      const shown = new Set((await reportOf('blind')).stamps);
      const keyframes = framesIn(19_000, 29_000).filter((frame) => frame % GOP === 0);
      expect(keyframes.length).toBeGreaterThanOrEqual(4);
      expect(keyframes.filter((frame) => !shown.has(frame))).toEqual([]);
      const after = [...framesIn(15_000, 18_000), ...framesIn(33_000, 36_000)];
      expect(after.filter((frame) => !shown.has(frame))).toEqual([]);
      expect(shown.has(clip.times.length - 1)).toBe(true);
    },
    TIMEOUT_MS,
  );

  test(
    'the slate is shown where the camera is gone',
    async () => {
      const { stamps } = await reportOf('blind');
      const slate = stamps.filter((stamp) => stamp === undefined).length;
      expect(slate).toBeGreaterThan(12 * 30);
      expect(slate).toBeLessThan(22 * 30);
    },
    TIMEOUT_MS,
  );
});

describe('while sound is missing', () => {
  test(
    'pictures lose and repeat nothing',
    async () => {
      const { stamps } = await reportOf('mute');
      const first = stamps[0] ?? 0;
      const wanted = clip.times.map((_, frame) => frame).slice(first);
      expect(stamps.slice(0, wanted.length)).toEqual(wanted);
    },
    TIMEOUT_MS,
  );

  test(
    'there is silence, as long as the hole and no longer',
    async () => {
      const { pcm, stamps, start } = await reportOf('mute');
      const begin = clip.times[stamps[0] ?? 0] ?? 0;
      const at = (ms: number): number => Math.round((ms - 200 - begin) * 48) - start;
      for (const { fromMs, toMs } of SOUND_HOLES) {
        const seconds = (toMs - fromMs) / 1000;
        const silence = longestSilence(pcm, at(fromMs - 1000), at(toMs + 1000));
        expect(Math.abs(silence - seconds)).toBeLessThan(0.1);
      }
      expect(longestSilence(pcm, at(12_000), at(19_000))).toBeLessThan(0.01);
    },
    TIMEOUT_MS,
  );
});

describe('a feed that stalls for three seconds and then sends all of it', () => {
  test(
    'loses and repeats nothing, neither pictures nor sound',
    async () => {
      const { stamps, sound } = await reportOf('stutter');
      const first = stamps[0] ?? 0;
      const last = stamps.findLast((stamp) => stamp !== undefined) ?? 0;
      const wanted = clip.times.map((_, frame) => frame).slice(first, last + 1);
      expect(last).toBeGreaterThan(22 * 30);
      expect(stamps.slice(0, wanted.length)).toEqual(wanted);
      expect(sound.worstDb).toBeGreaterThan(25);
    },
    TIMEOUT_MS,
  );
});
