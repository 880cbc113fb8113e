import { beforeAll, describe, expect, test } from '@jest/globals';
import { gridOf } from '#common/grid';
import { judgeBroadcast } from '../../helpers/analyse.ts';
import type { ListedBroadcast } from '../../helpers/broadcast-download.ts';
import { modelBroadcast } from '../../helpers/model-broadcast.ts';
import { makeClip, RECIPES, type Clip } from '../../helpers/sources.ts';

const N = 895_000_001;
const grid = gridOf('30');
const TIMEOUT_MS = 120_000;

describe('judging a broadcast made without a pipeline', () => {
  let clip: Clip;
  let model: ListedBroadcast;
  beforeAll(async () => {
    clip = await makeClip(RECIPES['steady-30'], 10);
    model = await modelBroadcast(clip, N);
  }, TIMEOUT_MS);

  test('finds nothing wrong with a perfect one', async () => {
    const report = await judgeBroadcast(model, grid, clip);
    expect(report.problems).toEqual([]);
    expect(report.stamps.get('v180')).toMatchObject({
      frames: 300,
      unreadable: 0,
      repeated: 0,
      missing: 0,
      firstStamp: 0,
      lastStamp: 299,
    });
    const sync = report.sync[0];
    expect(sync?.pairs).toBe(clip.events.length);
    expect(Math.max(-(sync?.lowMs ?? 99), sync?.highMs ?? 99)).toBeLessThan(1);
  });

  test('finds a segment left out', async () => {
    const renditions = model.renditions.map((rendition) => ({
      ...rendition,
      segments: rendition.segments.filter(({ n }) => n !== N + 2),
    }));
    const { problems, stamps } = await judgeBroadcast({ ...model, renditions }, grid, clip);
    expect(problems).toContain(`v180: segment ${N + 3} follows ${N + 1}`);
    expect(stamps.get('v180')?.missing).toBe(60);
  });

  test('finds a rendition that lists other segments, and a second init segment', async () => {
    const [video, audio] = model.renditions;
    if (video === undefined || audio === undefined) {
      throw new Error('the model lacks a rendition');
    }
    const shorter = { ...audio, segments: audio.segments.slice(1) };
    const twofold = { ...video, inits: [...video.inits, ...video.inits] };
    const renditions = [twofold, video, shorter];
    const { problems } = await judgeBroadcast({ ...model, renditions }, grid, clip);
    expect(problems).toContain('v180: names 2 init segments');
    expect(problems.at(-1)).toMatch(/different segments/);
  });

  test('measures how late sound is', async () => {
    const late = await modelBroadcast(clip, N, { soundLate: 960 });
    const { sync } = await judgeBroadcast(late, grid, clip);
    expect(sync[0]?.lowMs).toBeCloseTo(-20, 0);
    expect(sync[0]?.highMs).toBeCloseTo(-20, 0);
  });
});

describe.each(['tone', 'programme'] as const)('judging %s', (sound) => {
  test.each([48_000, 44_100])(
    'at %d Hz finds a single encoder clean where segments join',
    async (rate) => {
      // Small pictures: they are not what is judged.
      const sizes = [{ width: 320, height: 180 }];
      const recipe = { ...RECIPES['steady-30'], name: `judge-${sound}`, sizes, sound, rate };
      const clip = await makeClip(recipe, 16);
      const { sound: report } = await judgeBroadcast(await modelBroadcast(clip, N), grid, clip);
      expect(report?.joins.places).toBeGreaterThanOrEqual(5);
      expect(report?.joins.worstDb).toBeGreaterThan(sound === 'tone' ? 30 : 8);
      // How joins compare with equal places is asked of separately made segments, which each begin afresh: the
      // noise of one long encoder differs between equal places by 15 dB, as its bits come and go.
      expect(report?.loss.joins).toBe(report?.joins.places);
    },
    TIMEOUT_MS,
  );
});
