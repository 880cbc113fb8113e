import { expect, test } from '@jest/globals';
import { fold } from '../../../scheduler/plan/fold.ts';
import { emptyChannel, type ChannelState } from '../../../scheduler/plan/state.ts';
import type { LogEntry } from '#common/contracts/log';
import { EPOCH, SimulatedSession } from './simulated-feed.ts';

const session = new SimulatedSession('s1', {
  fps: '30',
  at: EPOCH,
  keyframeEvery: 30,
  rate: 48_000,
  reorder: true,
});
const begin = session.begin(EPOCH);
const frames = session.upTo(EPOCH + 4_000);

function stateOf(entries: readonly LogEntry[]): ChannelState {
  const state = emptyChannel();
  for (const entry of entries) {
    fold(state, entry);
  }
  return state;
}

test('rows that an emptied Redis lost are put in their place when they are appended again', () => {
  const kept = frames.slice(0, 20);
  const after = frames.slice(30);
  const again = [begin, ...frames.slice(10)];
  expect(stateOf([begin, ...kept, ...after, ...again])).toEqual(stateOf([begin, ...frames]));
});

test('rows from before all that is kept stay forgotten', () => {
  const state = stateOf([begin, ...frames]);
  for (const place of state.sessions[0]?.video.splice(0, 40) ?? []) {
    expect(place.seq).toBeGreaterThanOrEqual(0);
  }
  const before = structuredClone(state);
  for (const entry of frames) {
    fold(state, entry);
  }
  expect(state.sessions[0]?.video).toEqual(before.sessions[0]?.video);
});

test('a session that began with sound alone has its picture’s size once it is told again', () => {
  const alone = { ...begin, video: null } as LogEntry;
  const state = stateOf([alone, ...frames]);
  expect(state.sessions[0]?.picture).toBeNull();
  fold(state, begin);
  expect(state.sessions[0]?.picture).toEqual({ width: 1280, height: 720 });
  expect(state.sessions).toHaveLength(1);
});
