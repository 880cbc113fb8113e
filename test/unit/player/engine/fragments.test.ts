import { describe, expect, test } from '@jest/globals';
import { FragmentCutter } from '../../../../player/engine/fragments.ts';
import { seeded } from '../../../helpers/seeded.ts';

function box(type: string, payload: number, fill: number): Buffer {
  const bytes = Buffer.alloc(8 + payload, fill);
  bytes.writeUInt32BE(bytes.byteLength);
  bytes.write(type, 4, 'latin1');
  return bytes;
}

const fragment = (i: number): Buffer =>
  Buffer.concat([box('moof', 60 + i, i), box('mdat', 40 * i, i)]);
const fragments = Array.from({ length: 20 }, (_, i) => fragment(i));
const segment = Buffer.concat(fragments);

describe('the stream of a growing segment', () => {
  test('is cut into the same fragments, however its bytes come', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = seeded(seed);
      const cutter = new FragmentCutter();
      const found: Buffer[] = [];
      const numbers: number[] = [];
      for (let at = 0; at < segment.byteLength;) {
        const size = 1 + Math.floor(random() * 300);
        for (const { k, bytes, end } of cutter.push(segment.subarray(at, at + size))) {
          numbers.push(k);
          found.push(Buffer.from(bytes));
          expect(end).toBe(Buffer.concat(found).byteLength);
        }
        at += size;
      }
      expect({ seed, isSame: Buffer.concat(found).equals(segment) }).toEqual({
        seed,
        isSame: true,
      });
      expect(numbers).toEqual(fragments.map((_, k) => k));
      expect(cutter.rest).toBe(0);
    }
  });

  test('goes on after a break with the first byte that is not in a whole fragment', () => {
    const cutter = new FragmentCutter();
    const broken = (fragments[0]?.byteLength ?? 0) + (fragments[1]?.byteLength ?? 0) + 17;
    const before = cutter.push(segment.subarray(0, broken));
    expect(before).toHaveLength(2);
    expect(cutter.rest).toBe(17);
    cutter.rewind();
    expect(cutter.taken).toBe(broken - 17);
    const after = cutter.push(segment.subarray(cutter.taken));
    expect(after.map(({ k }) => k)).toEqual(fragments.map((_, k) => k).slice(2));
    expect(Buffer.concat([...before, ...after].map(({ bytes }) => bytes)).equals(segment)).toBe(
      true,
    );
  });

  test('that is none is told with its offset', () => {
    const cutter = new FragmentCutter();
    cutter.push(fragment(3));
    const at = fragment(3).byteLength;
    expect(() => cutter.push(Buffer.from('00000003moof', 'latin1'))).toThrow(`at ${at}`);
    expect(() => new FragmentCutter().push(Buffer.alloc(8))).toThrow('box of 0 bytes at 0');
  });
});
