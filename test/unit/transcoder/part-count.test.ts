import { expect, test } from '@jest/globals';
import type { Rendition } from '#common/contracts/rendition';
import { divisionOf } from '#common/division';
import { gridOf } from '#common/grid';
import { HandedOut } from '../../../transcoder/early/part-count.ts';

const video = (height: number): Rendition => ({
  kind: 'video',
  id: `v${height}`,
  width: height * 2,
  height,
  maxBitrateBps: 1_000_000,
  preset: 'veryfast',
  codecs: 'avc1.64001f',
});
const SOUND: Rendition = { kind: 'audio', id: 'a96', bitrateBps: 96_000, codecs: 'mp4a.40.2' };

test('a part counts when all have it; of what is never withheld, when the smallest picture and the sound have it', () => {
  // A part is one fragment there.
  const handedOut = new HandedOut([video(720), video(240), SOUND], divisionOf(gridOf('30'), 'low'));
  expect(handedOut.add('v240', 0)).toBeUndefined();
  expect(handedOut.add('a96', 0)).toEqual({ parts: 0, leastParts: 1 });
  expect(handedOut.add('a96', 1)).toBeUndefined();
  expect(handedOut.add('v240', 1)).toEqual({ parts: 0, leastParts: 2 });
  expect(handedOut.add('v720', 1)).toBeUndefined();
  expect(handedOut.add('v720', 0)).toEqual({ parts: 2, leastParts: 2 });
});

test('of what is left off nothing is waited for any more, whatever of it was out', () => {
  const handedOut = new HandedOut([video(720), video(240), SOUND], divisionOf(gridOf('30'), 'low'));
  for (const k of [0, 1, 2]) {
    handedOut.add('v240', k);
    handedOut.add('a96', k);
  }
  expect(handedOut.add('v720', 0)).toEqual({ parts: 1, leastParts: 3 });
  expect(handedOut.leaveOff(['v720'])).toEqual({ parts: 3, leastParts: 3 });
  expect(handedOut.add('v720', 1)).toBeUndefined();
  handedOut.add('a96', 3);
  expect(handedOut.add('v240', 3)).toEqual({ parts: 4, leastParts: 4 });
  expect(handedOut.leaveOff(['v720'])).toBeUndefined();
});
