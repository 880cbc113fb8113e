import { describe, expect, test } from '@jest/globals';
import { FramePool, lastingFrame } from '../../../transcoder/early/raw-frame.ts';

describe('raw frames', () => {
  test('memory is used again once nobody holds the frame, and not before', () => {
    const pool = new FramePool(6);
    const first = pool.take();
    first.hold();
    first.release();
    const second = pool.take();
    expect(second.data).not.toBe(first.data);
    first.release();
    expect(pool.take().data).toBe(first.data);
  });

  test('whoever releases what nobody holds, or holds it, hears of it', () => {
    const frame = new FramePool(6).take();
    frame.release();
    expect(() => {
      frame.release();
    }).toThrow('more often');
    expect(() => {
      frame.hold();
    }).toThrow('released');
  });

  test('memory of a rush is not kept', () => {
    const pool = new FramePool(6);
    const rush = Array.from({ length: 100 }, () => pool.take());
    const known = new Set(rush.map(({ data }) => data));
    for (const frame of rush) {
      frame.release();
    }
    const again = Array.from({ length: 100 }, () => pool.take().data);
    expect(again.filter((data) => known.has(data))).toHaveLength(16);
  });

  test('a lasting frame is nobody else’s', () => {
    const data = Buffer.from('slate!');
    const frame = lastingFrame(data);
    frame.hold();
    frame.release();
    frame.release();
    expect(frame.data).toBe(data);
  });
});
