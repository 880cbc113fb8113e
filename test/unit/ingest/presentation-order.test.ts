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

/** Sound of a stretch, then the pictures of its time: pairs of a reference and the B-frame that is shown before it. */
function inStretches(
  frames: PresentationOrder<Ordered>,
  { from, to, length }: { readonly from: number; readonly to: number; readonly length: number },
): void {
  for (let begin = from; begin < to; begin += length) {
    for (let time = begin; time < begin + length; time += 20) {
      frames.hear(time);
    }
    for (let time = begin; time < begin + length; time += 100) {
      frames.push({ dts: time, pts: time + 150 });
      frames.push({ dts: time + 50, pts: time + 100 });
    }
  }
}

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

  test('need not wait for earlier ones once a second of sound came without any', () => {
    const { frames, placed } = order();
    // An encoder under congestion: keyframes of a B-frame stream, two seconds apart, and all sound.
    for (let time = 0; time <= 6000; time += 20) {
      const told = frames.hear(time);
      expect(told).toHaveLength(time % 2000 === 1000 ? 1 : 0);
      if (time % 2000 === 0) {
        frames.push({ dts: time, pts: time + 66 });
      }
    }
    expect(placed).toEqual([66, 2066, 4066]);
    expect(frames.flush()).toHaveLength(1);
  });

  test('wait longer when sound turns out to come in stretches of its own', () => {
    const { frames, placed } = order();
    let outOfOrder = 0;
    inStretches(frames, { from: 0, to: 20_800, length: 1600 });
    frames.flush();
    for (const [i, pts] of placed.entries()) {
      outOfOrder += Number(pts < (placed[i - 1] ?? 0));
    }
    expect(outOfOrder).toBeLessThanOrEqual(1);
  });

  test('are waited for when sound comes back after it was away: only sound that is there has gone on without them', () => {
    const { frames, placed } = order();
    frames.hear(0);
    frames.push({ dts: 0, pts: 100 });
    for (let time = 3000; time < 3600; time += 20) {
      frames.hear(time);
    }
    expect(placed).toEqual([]);
    frames.push({ dts: 33, pts: 66 });
    frames.push({ dts: 100, pts: 200 });
    expect(placed).toEqual([66, 100]);
  });

  test('are given up while their places are still open, however far sound was once ahead', () => {
    const { frames, placed } = order();
    inStretches(frames, { from: 0, to: 8_000, length: 1600 });
    inStretches(frames, { from: 8_000, to: 24_000, length: 3200 });
    const newest = 24_000 + 50;
    expect(placed).not.toContain(newest);
    let heard = 24_000;
    for (; !placed.includes(newest) && heard < 40_000; heard += 20) {
      frames.hear(heard);
    }
    expect(heard - newest).toBeLessThanOrEqual(3_000);
  });
});
