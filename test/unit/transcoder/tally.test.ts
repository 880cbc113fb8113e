import { expect, test } from '@jest/globals';
import { segmentNumber } from '#common/time';
import { Tally } from '../../../transcoder/tally.ts';

test('a worker tells what it does, what it has done and how fast', () => {
  const tally = new Tally();
  expect(tally.detail()).toEqual({ task: null, done: 0, failed: 0, taskMs: null, speed: null });
  tally.done({ fps: '25' }, 500);
  tally.done({ fps: '25' }, 1_000);
  tally.done({ fps: '25' }, 4_000);
  tally.failed();
  const tasks = [7, 8].map((n) => ({ channel: 'cup-2', n: segmentNumber(n) }));
  let changes = 0;
  tally.onChange(() => {
    changes += 1;
  });
  for (const task of tasks) {
    tally.begins(task);
  }
  expect(tally.detail()).toEqual({
    task: 'cup-2-7',
    done: 3,
    failed: 1,
    taskMs: 1_000,
    speed: 2,
  });
  for (const task of tasks) {
    expect(tally.detail()).toMatchObject({ task: `cup-2-${task.n}` });
    tally.ends(task);
  }
  expect(changes).toBe(4);
  tally.done({ fps: '25' }, 2_000);
  expect(tally.detail()).toMatchObject({ task: null });
  expect(tally.detail()).toMatchObject({ taskMs: 1_500, speed: 1.5 });
});

test('medians are over the last fifty tasks', () => {
  const tally = new Tally();
  for (let task = 0; task < 500; task += 1) {
    tally.done({ fps: '25' }, task < 450 ? 10_000 : 1_000);
  }
  expect(tally.detail()).toMatchObject({ done: 500, taskMs: 1_000, speed: 2 });
});

test('what was made on time counts as done, and tells nothing of speed', () => {
  const tally = new Tally();
  tally.madeOnTime();
  expect(tally.detail()).toMatchObject({ done: 1, taskMs: null, speed: null });
});
