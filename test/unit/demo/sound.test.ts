import { describe, expect, test } from '@jest/globals';
import { splitAdts } from '../../../demo/render.ts';
import { renderSound, SAMPLE_RATE } from '../../../demo/sound.ts';

/** Root mean square of the samples from one time to another, 1 being full scale. */
function level(sound: Buffer, from: number, to: number): number {
  let sum = 0;
  const first = Math.round(from * SAMPLE_RATE);
  const last = Math.round(to * SAMPLE_RATE);
  for (let sample = first; sample < last; sample++) {
    sum += (sound.readInt16LE(sample * 2) / 32_768) ** 2;
  }
  return Math.sqrt(sum / (last - first));
}

describe('the demo’s sound', () => {
  const sound = renderSound(2);

  test('beeps for 40 ms of every second, from its very beginning', () => {
    for (const second of [0, 1]) {
      expect(level(sound, second + 0.003, second + 0.037)).toBeGreaterThan(0.2);
      expect(level(sound, second + 0.041, second + 0.999)).toBeLessThan(0.03);
    }
  });

  test('has no step where its end meets its beginning', () => {
    const at = (sample: number): number => sound.readInt16LE(sample * 2);
    expect(Math.abs(at(2 * SAMPLE_RATE - 1) - at(0))).toBeLessThan(400);
  });
});

describe('ADTS', () => {
  const packet = (bytes: number): Buffer => {
    const data = Buffer.alloc(bytes);
    data[0] = 0xff;
    data[1] = 0xf1;
    data[3] = bytes >> 11;
    data[4] = (bytes >> 3) & 0xff;
    data[5] = (bytes & 7) << 5;
    return data;
  };

  test('is split into its packets by their lengths', () => {
    const packets = splitAdts(Buffer.concat([packet(7), packet(300), packet(4_000)]));
    expect(packets.map((data) => data.length)).toEqual([7, 300, 4_000]);
  });

  test('that is damaged is refused with the place', () => {
    expect(() => splitAdts(Buffer.concat([packet(20), Buffer.alloc(20)]))).toThrow('byte 20');
  });
});
