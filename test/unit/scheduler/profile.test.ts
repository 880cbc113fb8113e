import { expect, test } from '@jest/globals';
import { profileFor } from '../../../scheduler/plan/profile.ts';
import { fold } from '../../../scheduler/plan/fold.ts';
import { emptyChannel, type ChannelState } from '../../../scheduler/plan/state.ts';
import { EPOCH, SimulatedSession } from './simulated-feed.ts';

function stateOf(hasFields: boolean): ChannelState {
  const session = new SimulatedSession('s1', {
    fps: '25',
    at: EPOCH,
    keyframeEvery: 50,
    rate: 48_000,
    reorder: false,
    hasFields,
  });
  const state = emptyChannel();
  fold(state, session.begin(EPOCH));
  for (const entry of session.upTo(EPOCH + 200)) {
    fold(state, entry);
  }
  return state;
}

test('a broadcast begins in the profile that is wanted', () => {
  expect(profileFor(stateOf(false), 'instant')).toBe('instant');
  expect(profileFor(emptyChannel(), 'low')).toBe('low');
});

test('a feed of fields begins in standard', () => {
  expect(profileFor(stateOf(true), 'instant')).toBe('standard');
});
