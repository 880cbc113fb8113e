import { describe, expect, test } from '@jest/globals';
import { drawStamp, letterboxArea, readStamp, stampBits } from '../../helpers/frame-stamp.ts';

function blank(width: number, height: number) {
  return { width, height, data: new Uint8Array(width * height).fill(100) };
}
const whole = (width: number, height: number) => ({ x: 0, y: 0, width, height });

describe('frame stamps', () => {
  test.each([
    [320, 180],
    [640, 360],
    [854, 480],
    [1280, 720],
    [1920, 1080],
  ])('are read as drawn at %d×%d', (width, height) => {
    for (const number of [0, 1, 599, 0x123456, 0xffffff]) {
      const plane = blank(width, height);
      drawStamp(plane, number);
      expect(readStamp(plane, whole(width, height))).toBe(number);
    }
  });

  test('carry the number in their upper 24 bits and the checksum below', () => {
    expect(stampBits(0)).toBe(0xa5);
    expect(stampBits(0x010203)).toBe(0x010203a5);
  });

  test('are not seen in a picture without one', () => {
    expect(readStamp(blank(320, 180), whole(320, 180))).toBeUndefined();
  });

  test('are refused when one cell has flipped', () => {
    const plane = blank(1280, 720);
    drawStamp(plane, 77);
    for (let y = 16; y < 48; y++) {
      plane.data.fill(235, y * 1280 + 16, y * 1280 + 48);
    }
    expect(readStamp(plane, whole(1280, 720))).toBeUndefined();
  });

  test('are refused when the picture is torn between two frames', () => {
    const plane = blank(640, 360);
    const other = blank(640, 360);
    drawStamp(plane, 0x000fff);
    drawStamp(other, 0xfff000);
    const mixed = plane.data.map((value, i) => (value + (other.data[i] ?? 0)) / 2);
    expect(readStamp({ ...plane, data: mixed }, whole(640, 360))).toBeUndefined();
  });

  test('are found where a letterboxed picture lies', () => {
    expect(letterboxArea({ width: 960, height: 720 }, { width: 640, height: 360 })).toEqual({
      x: 80,
      y: 0,
      width: 480,
      height: 360,
    });
    const inner = blank(480, 360);
    drawStamp(inner, 4242);
    const frame = blank(640, 360);
    for (let y = 0; y < 360; y++) {
      frame.data.set(inner.data.subarray(y * 480, (y + 1) * 480), y * 640 + 80);
    }
    expect(readStamp(frame, { x: 80, y: 0, width: 480, height: 360 })).toBe(4242);
    expect(readStamp(frame, whole(640, 360))).toBeUndefined();
  });
});
