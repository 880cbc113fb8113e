import { describe, expect, test } from '@jest/globals';
import { FLV_TAG, type FlvTag } from '../../helpers/flv.ts';
import { judgePictures, keptFrames, losing } from '../../helpers/lost-tracks.ts';
import { withFaults } from '../../helpers/publish-clip.ts';

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

describe('places of pictures', () => {
  /** Frames 10 to 30 and 400 to 420 were sent. */
  const sent = new Set([...range(10, 31), ...range(400, 421)]);
  const right = [
    ...range(10, 31),
    ...Array.from({ length: 60 }, () => 30),
    ...Array.from({ length: 400 - 91 }, () => undefined),
    ...range(400, 421),
  ];

  test('are right with hold for two seconds, then the slate', () => {
    const shown = judgePictures({ stamps: right }, sent, 30);
    expect(shown).toEqual({ sent: 42, lost: [], held: 60, slate: 309, wrong: 0 });
  });

  test('are wrong where a frame is lost, the slate comes early or late, or the recording ends too soon', () => {
    const judge = (change: (stamps: (number | undefined)[]) => void): [number, number] => {
      const stamps = [...right];
      change(stamps);
      const { lost, wrong } = judgePictures({ stamps }, sent, 30);
      return [lost.length, wrong];
    };
    expect(judge((stamps) => stamps.splice(5, 1, 14))).toEqual([1, 0]);
    expect(judge((stamps) => stamps.splice(50, 1, undefined))).toEqual([0, 1]);
    expect(judge((stamps) => stamps.splice(90, 1, 30))).toEqual([0, 1]);
    expect(judge((stamps) => stamps.splice(200, 1, 7))).toEqual([0, 1]);
    expect(judge((stamps) => stamps.splice(100))).toEqual([21, 290]);
  });
});

/** A picture every 33 ms in decode order I P B P B, keyframes 10 apart, and sound between them. */
const tags = range(0, 40).flatMap((n): FlvTag[] => {
  const isKey = n % 10 === 0;
  const picture = Buffer.from([(isKey ? 1 : 2) * 16 + 7, 1, 0, 0, 0]);
  picture.writeIntBE(isKey || n % 2 === 0 ? 33 : 99, 2, 3);
  const sound = Buffer.from([0xaf, 1]);
  return [
    { type: FLV_TAG.video, timestamp: 33 * n, data: picture },
    { type: FLV_TAG.audio, timestamp: 33 * n + 10, data: sound },
  ];
});

test('a hole in the pictures ends with a keyframe, and stamps go by presentation', () => {
  const keeps = losing({ pictures: [{ fromMs: 33 * 12, toMs: 33 * 15 }] });
  const kept = keptFrames(tags, keeps);
  // Picture 11 in decode order is shown after 12, which is lost; 20, a keyframe, is shown before 19.
  expect(range(0, 40).filter((stamp) => !kept.has(stamp))).toEqual([11, ...range(13, 19), 20]);
});

test('what follows the end of a feed counts as lost, and changes no stamp', () => {
  const kept = keptFrames(tags, ({ timestamp }) => timestamp <= 33 * 13);
  // Picture 13 comes before the one that is shown before it.
  expect([...kept].sort((a, b) => a - b)).toEqual([...range(0, 13), 14]);
});

test('a track that is behind is sent later, in its own order', () => {
  const timed = withFaults(tags, { behind: { track: 'sound', ms: 500 } });
  const [pictures, sound] = [FLV_TAG.video, FLV_TAG.audio].map((type) =>
    timed.filter(({ tag }) => tag.type === type).map(({ tag, at }) => at - tag.timestamp),
  );
  expect(new Set(pictures)).toEqual(new Set([0]));
  expect(new Set(sound)).toEqual(new Set([500]));
  expect(timed.map(({ at }) => at)).toEqual(timed.map(({ at }) => at).toSorted((a, b) => a - b));
});
