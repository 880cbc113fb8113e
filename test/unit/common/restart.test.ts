import { expect, test } from '@jest/globals';
import { restartsFor, stretchesOf } from '#common/contracts/restart';

const RESTARTS = [
  { generation: 1, from: { v720: 20, v360: 19 } },
  { generation: 3, from: { v720: 33, v360: 19 } },
];

test('a segment is made in stretches, one after another, of each rendition its own', () => {
  const of = (rendition: string): unknown =>
    stretchesOf(RESTARTS, 60).map(({ from, to }) => [from(rendition), to(rendition)]);
  expect(of('v720')).toEqual([
    [0, 20],
    [20, 33],
    [33, 60],
  ]);
  expect(of('v360')).toEqual([
    [0, 19],
    [19, 19],
    [19, 60],
  ]);
  // Nothing of it was out.
  expect(of('v180')).toEqual([
    [0, 0],
    [0, 0],
    [0, 60],
  ]);
});

test('without restarts it is made in one', () => {
  expect(stretchesOf(undefined, 6).map(({ from, to }) => [from('v720'), to('v720')])).toEqual([
    [0, 6],
  ]);
});

test('of some renditions only their own restarts are told', () => {
  expect(restartsFor(RESTARTS, [{ id: 'v360' }, { id: 'a128' }])).toEqual([
    { generation: 1, from: { v360: 19 } },
    { generation: 3, from: { v360: 19 } },
  ]);
  expect(restartsFor(RESTARTS, [{ id: 'v480' }])).toBeUndefined();
  expect(restartsFor([], [{ id: 'v720' }])).toBeUndefined();
});
