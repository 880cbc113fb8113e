import { expect, test } from '@jest/globals';
import type { Broadcast } from '../../../common/contracts/segment.ts';
import { gridOf, timeOfSegment } from '../../../common/grid.ts';
import { segmentNumber } from '../../../common/time.ts';
import { statusOf } from '../../../scheduler/api/status.ts';

const N = 897_000_000;
const ladder = {
  video: [{ height: 360, maxBitrateBps: 900_000 }],
  audio: { bitrateBps: 96_000 },
  preset: 'veryfast' as const,
};
const channel = {
  ...{ id: 'final', name: 'Cup final', fps: '25' as const, profile: 'standard' as const, ladder },
  ...{ dvrSeconds: 60, reconnectSeconds: 60, streamKeyHash: '0'.repeat(64) },
  createdAt: '2026-01-01T00:00:00Z',
};
const air: Broadcast = {
  ...{ channel: 'final', broadcast: N, fps: '25', dvrSeconds: 60, startedAt: 0, last: null },
  renditions: [{ kind: 'audio', id: 'a96', bitrateBps: 96_000, codecs: 'mp4a.40.2' }],
};
const lagAt = (now: number): number | null | undefined =>
  statusOf({
    ...{ channel, air, feed: undefined, unfinished: 0, rawStored: undefined, now },
    origin: { broadcast: N, renditions: [{ id: 'a96', published: N + 9, lagMs: 2_100 }] },
  }).renditions[0]?.lagMs;

test('a lag grows once the next segment is later than the last one was', () => {
  const nextEnds = timeOfSegment(gridOf('25'), segmentNumber(N + 11));
  expect(lagAt(nextEnds)).toBe(2_100);
  expect(lagAt(nextEnds + 2_100)).toBe(2_100);
  expect(lagAt(nextEnds + 9_000)).toBe(9_000);
});
