import { expect, test } from '@jest/globals';
import { gridOf, timeOfSegment } from '#common/grid';
import { frameIndex, milliseconds, segmentNumber } from '#common/time';
import { ChannelMemory } from '../../../scheduler/leader/channel-memory.ts';
import { planFiller } from '../../../scheduler/plan/plan.ts';
import { emptyChannel } from '../../../scheduler/plan/state.ts';

const taskOf = (n: number): ReturnType<typeof planFiller> =>
  planFiller({
    channel: 'final',
    broadcast: segmentNumber(0),
    n: segmentNumber(n),
    fps: '30',
    profile: 'standard',
    hash: '',
    deadline: milliseconds(0),
    renditions: [],
    video: [{ kind: 'slate', from: frameIndex(0) }],
    sound: [],
  });
const after = (n: number): number => timeOfSegment(gridOf('30'), segmentNumber(n + 1));

test('recalls the state and the tasks that are open or new, and nothing once it is old', () => {
  let now = 0;
  const memory = new ChannelMemory(() => now);
  const state = emptyChannel(segmentNumber(7));
  memory.keep('final', state);
  for (let n = 1; n <= 40; n += 1) {
    memory.gave(taskOf(n), after(n), (other) => other === 3);
  }
  const recalled = memory.recall('final');
  expect(recalled?.state).toBe(state);
  // Number 3 was never done; of the others those of the last twenty seconds are kept.
  expect(recalled?.tasks.map(({ n }) => n)).toEqual([
    3,
    ...[31, 32, 33, 34, 35, 36, 37, 38, 39, 40],
  ]);
  now = 10_001;
  expect(memory.recall('final')).toBeUndefined();
  memory.keep('final', state);
  expect(memory.recall('final')?.tasks).toHaveLength(11);
  memory.forget('final');
  expect(memory.recall('final')).toBeUndefined();
});

test('keeps a bounded number of tasks that nobody ever does', () => {
  const memory = new ChannelMemory(() => 0);
  memory.keep('final', emptyChannel());
  for (let n = 1; n <= 2_500; n += 1) {
    memory.gave(taskOf(n), after(n), () => true);
  }
  const tasks = memory.recall('final')?.tasks ?? [];
  expect(tasks).toHaveLength(250);
  expect(tasks.at(-1)?.n).toBe(2_500);
});
