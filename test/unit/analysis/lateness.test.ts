import { frameIndex, segmentNumber } from '#common/time';
import { expect, test } from '@jest/globals';
import type { LogEntry } from '#common/contracts/log';
import { latenessOf, type TimedEntry } from '../../helpers/lateness.ts';

const second = 30 * 1_795_000_000;
const placeMs = (index: number): number => (index * 1000) / 30;

function frames(at: number, ...indices: number[]): TimedEntry {
  const v = indices.map((index) => {
    return { seq: 0, index: frameIndex(index), chunk: segmentNumber(0), bytes: 9, flags: 0 };
  });
  return { at, entry: { t: 'frames', session: 's', v, a: [] } };
}

test('lateness is told by the picture that came longest after its time, and by those that came after closing', () => {
  const closed: LogEntry = { t: 'picture-closed', epoch: 1, frame: frameIndex(second + 3) };
  expect(
    latenessOf(
      [
        frames(placeMs(second) + 40, second),
        frames(placeMs(second + 1) + 20, second + 1),
        { at: placeMs(second) + 2_100, entry: closed },
        frames(placeMs(second + 2) + 2_500, second + 2, second + 3),
      ],
      '30',
    ),
  ).toEqual({ worstMs: 2_500, afterClosing: 1 });
});
