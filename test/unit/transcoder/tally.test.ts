import { expect, test } from '@jest/globals';
import { segmentNumber } from '#common/time';
import { Tally } from '../../../transcoder/tally.ts';

test('a worker tells what it does, what it has done and how fast', () => {
  const tally = new Tally();
  expect(tally.detail(null)).toEqual({ task: null, done: 0, failed: 0, taskMs: null, speed: null });
  tally.done({ fps: '25' }, 500);
  tally.done({ fps: '25' }, 1_000);
  tally.done({ fps: '25' }, 4_000);
  tally.failed();
  expect(tally.detail({ channel: 'cup-2', n: segmentNumber(7) })).toEqual({
    task: 'cup-2-7',
    done: 3,
    failed: 1,
    taskMs: 1_000,
    speed: 2,
  });
  tally.done({ fps: '25' }, 2_000);
  expect(tally.detail(null)).toMatchObject({ taskMs: 1_500, speed: 1.5 });
});

test('medians are over the last fifty tasks', () => {
  const tally = new Tally();
  for (let task = 0; task < 500; task += 1) {
    tally.done({ fps: '25' }, task < 450 ? 10_000 : 1_000);
  }
  expect(tally.detail(null)).toMatchObject({ done: 500, taskMs: 1_000, speed: 2 });
});
