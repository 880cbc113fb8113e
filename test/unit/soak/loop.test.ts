import { expect, test } from '@jest/globals';
import { FLV_TAG, type FlvTag } from '../../helpers/flv.ts';
import { loopOf, repeated } from '../../soak/loop.ts';

const video = (timestamp: number, type = 1): FlvTag => ({
  type: FLV_TAG.video,
  timestamp,
  data: Buffer.from([0x17, type, 0, 0, 0]),
});
const tags: FlvTag[] = [
  { type: FLV_TAG.script, timestamp: 0, data: Buffer.from([2]) },
  video(0, 0),
  ...Array.from({ length: 30 }, (_, i) => video(100 + i * 40)),
];

test('a loop follows itself in even steps for as long as it is read, its headers sent once', () => {
  const loop = loopOf(tags, 200, 400);
  expect(loop.head).toHaveLength(2);
  expect(loop.body.map(({ timestamp }) => timestamp)).toEqual([
    220, 260, 300, 340, 380, 420, 460, 500, 540, 580,
  ]);
  const taken: number[] = [];
  for (const tag of repeated(loop)) {
    taken.push(tag.timestamp);
    if (taken.length === 2 + 10 * 1000) {
      break;
    }
  }
  const media = taken.slice(2);
  expect(media.every((time, i) => time === 220 + 40 * i)).toBe(true);
});

test('a clip that is too short for its loop is refused', () => {
  expect(() => loopOf(tags, 200, 5_000)).toThrow(/shorter/);
});
