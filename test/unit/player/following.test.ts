import { expect, test } from '@jest/globals';
import { Following } from '../../../player/following.ts';

const seen = (now: number, behind: number | undefined, isPaused = false) => ({
  now,
  behind,
  isPaused,
});

test('whom an outage left behind is taken to live, and again only if that led nowhere', () => {
  const following = new Following();
  expect(following.isLeftBehind(seen(0, 0.3))).toBe(false);
  // The player makes that good by itself.
  expect(following.isLeftBehind(seen(1, 7.9))).toBe(false);
  expect(following.isLeftBehind(seen(2, 58))).toBe(true);
  expect(following.isLeftBehind(seen(3, 59))).toBe(false);
  expect(following.isLeftBehind(seen(7, 63))).toBe(true);
  expect(following.isLeftBehind(seen(8, 0.4))).toBe(false);
});

test('whoever went back stays there, until he goes to live', () => {
  const following = new Following();
  following.sought(30);
  expect(following.isLeftBehind(seen(1, 30))).toBe(false);
  following.sought(0);
  expect(following.isLeftBehind(seen(2, 30))).toBe(true);
});

test('whoever paused stays where he paused', () => {
  const following = new Following();
  expect(following.isLeftBehind(seen(1, 0.4))).toBe(false);
  expect(following.isLeftBehind(seen(2, 3, true))).toBe(false);
  expect(following.isLeftBehind(seen(6, 7, true))).toBe(false);
  expect(following.isLeftBehind(seen(30, 31))).toBe(false);
  // Short: he is still live, and what follows is no wish of his.
  following.sought(0);
  expect(following.isLeftBehind(seen(41, 2, true))).toBe(false);
  expect(following.isLeftBehind(seen(42, 2))).toBe(false);
  expect(following.isLeftBehind(seen(60, 20))).toBe(true);
});

test('an engine that starts anew, and a recording, have no live to be taken to', () => {
  const following = new Following();
  expect(following.isLeftBehind(seen(0, undefined, true))).toBe(false);
  expect(following.isLeftBehind(seen(1, 40))).toBe(true);
});
