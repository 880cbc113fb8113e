import { describe, expect, test } from '@jest/globals';
import { PresentationOrder, type Ordered } from '../../../ingest/mapping/presentation-order.ts';

const order = (): { placed: number[]; frames: PresentationOrder<Ordered> } => {
  const placed: number[] = [];
  const frames = new PresentationOrder<Ordered>(({ pts }) => {
    placed.push(pts);
    return placed.length;
  });
  return { placed, frames };
};

describe('frames in presentation order', () => {
  test('get their turn at once without B-frames', () => {
    const { frames } = order();
    for (let i = 0; i < 10; i += 1) {
      expect(frames.push({ dts: i * 33, pts: i * 33 })).toHaveLength(1);
    }
  });

  test('wait for the B-frames before them', () => {
    const { frames, placed } = order();
    const given = [
      { dts: 0, pts: 66 },
      { dts: 33, pts: 166 },
      { dts: 66, pts: 100 },
      { dts: 100, pts: 133 },
      { dts: 133, pts: 266 },
      { dts: 166, pts: 200 },
    ].map((frame) => frames.push(frame).map(({ frame: { pts } }) => pts));
    expect(given).toEqual([[], [], [66], [], [], [166, 100, 133]]);
    expect(placed).toEqual([66, 100, 133, 166]);
    expect(frames.flush().map(({ frame: { pts } }) => pts)).toEqual([266, 200]);
  });

  test('never wait for more than 32 frames or a second', () => {
    const { frames } = order();
    let waiting = 0;
    for (let i = 0; i < 400; i += 1) {
      waiting += 1 - frames.push({ dts: i, pts: i + 1_000_000 }).length;
      expect(waiting).toBeLessThanOrEqual(33);
    }
    const slow = order();
    slow.frames.push({ dts: 0, pts: 9000 });
    slow.frames.push({ dts: 500, pts: 9500 });
    expect(slow.frames.push({ dts: 1000, pts: 10_000 })).toHaveLength(1);
  });
});
