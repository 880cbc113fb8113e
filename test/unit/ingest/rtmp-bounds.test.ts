import { describe, expect, test } from '@jest/globals';
import { decodeCommand } from '../../../ingest/rtmp/amf0.ts';
import { KeyGuesses } from '../../../ingest/rtmp/key-guesses.ts';
import { SparseLog } from '../../../ingest/sparse-log.ts';
import { WireBudget } from '../../../ingest/rtmp/wire-budget.ts';
import { encodeAmf } from '../../helpers/amf0.ts';
import { seeded } from '../../helpers/seeded.ts';

const BAD: unknown = expect.objectContaining({ code: 'BAD_REQUEST' });
const OVERLOADED: unknown = expect.objectContaining({ code: 'OVERLOADED' });

describe('a command in AMF 0', () => {
  test('gives its name, transaction, object and parameters', () => {
    const object = { app: 'live', nested: { deep: true }, ok: true, none: null };
    const command = decodeCommand(encodeAmf('connect', 1, object, 'key', 7));
    expect(command).toMatchObject({ name: 'connect', transaction: 1, parameters: ['key', 7] });
    expect([...command.object]).toEqual([
      ['app', 'live'],
      ['ok', true],
      ['none', null],
    ]);
  });

  test('takes nothing but a number for its transaction', () => {
    expect(decodeCommand(encodeAmf('createStream', { a: 1 })).transaction).toBe(0);
    expect(decodeCommand(encodeAmf('createStream')).transaction).toBe(0);
  });

  test('is refused when it is nested too deep, has too many values, or claims more than there is', () => {
    const name = encodeAmf('connect');
    const bombs = [
      Buffer.concat(Array.from({ length: 16_000 }, () => Buffer.of(3, 0, 1, 97))),
      Buffer.concat(Array.from({ length: 12_000 }, () => Buffer.of(10, 255, 255, 255, 255))),
      Buffer.concat([Buffer.of(10, 0, 0, 0x14, 0), Buffer.alloc(0x1400, 5)]),
      Buffer.alloc(5120, 5),
      Buffer.of(12, 255, 255, 255, 255, 65),
      Buffer.of(2, 255, 255, 65),
      Buffer.of(3, 0, 1, 97),
      Buffer.of(0x44),
    ];
    for (const bomb of bombs) {
      expect(() => decodeCommand(Buffer.concat([name, bomb]))).toThrow(BAD);
    }
    expect(() => decodeCommand(Buffer.alloc(0))).toThrow(BAD);
    expect(() => decodeCommand(encodeAmf(5))).toThrow(BAD);
  });

  test('throws nothing but a bad request, whatever the bytes', () => {
    const random = seeded(3);
    const whole = encodeAmf('connect', 1, { app: 'live', list: { a: 1, b: 'x' } }, 'key', true);
    for (let i = 0; i < 20_000; i += 1) {
      const bytes = Buffer.from(whole.subarray(0, Math.ceil(random() * whole.length)));
      for (let k = 0; k < 4; k += 1) {
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      }
      try {
        decodeCommand(bytes);
      } catch (error) {
        expect(error).toEqual(BAD);
      }
    }
  });
});

describe('answers to key guesses', () => {
  test('wait longer with every refusal up to a quarter of a second, and not at all half a minute later', () => {
    const guesses = new KeyGuesses();
    const waits = Array.from({ length: 200 }, () => {
      const wait = guesses.wait('a', 0);
      guesses.refused('a', 0);
      return wait;
    });
    expect(waits.slice(0, 11)).toEqual([0, 0, 0, 0, 0, 25, 50, 100, 200, 250, 250]);
    expect(Math.max(...waits)).toBe(250);
    expect(guesses.wait('b', 0)).toBe(0);
    expect(guesses.wait('a', 30_000)).toBe(0);
  });

  test('are remembered for a bounded number of sources', () => {
    const guesses = new KeyGuesses();
    for (let i = 0; i < 40_960; i += 1) {
      guesses.refused(`source ${i}`, i);
    }
    expect(guesses.size).toBe(4096);
  });
});

describe('the budget of a connection', () => {
  test('is a fixed amount of bytes, chunks and messages before it publishes', () => {
    const overfill = (take: (budget: WireBudget) => void): number => {
      const budget = new WireBudget(8_000_000, () => 0);
      for (let i = 0; ; i += 1) {
        try {
          take(budget);
        } catch (error) {
          expect(error).toEqual(OVERLOADED);
          return i;
        }
      }
    };
    expect(overfill((budget) => budget.bytes(1024))).toBe(256);
    expect(overfill((budget) => budget.chunk())).toBe(4096);
    expect(overfill((budget) => budget.message())).toBe(128);
  });

  test('is a rate afterwards, in which empty messages count', () => {
    let now = 0;
    const budget = new WireBudget(8_000_000, () => now);
    budget.publish();
    // A megabyte a second is 30 pictures of 30 kB and 47 sound frames with room to spare, for as long as one likes.
    for (let second = 0; second < 600; second += 1) {
      for (let i = 0; i < 77; i += 1) {
        now += 1000 / 77;
        budget.message();
        budget.chunk();
        budget.bytes(11_700);
      }
    }
    expect(() => {
      for (let i = 0; i < 1_000_000; i += 1) {
        budget.message();
      }
    }).toThrow(OVERLOADED);
  });
});

describe('a sparse log', () => {
  test('has each kind once in ten seconds and says how many it left out', () => {
    const log = new SparseLog<'a' | 'b'>();
    const taken = Array.from({ length: 1000 }, (_, i) => log.take('a', i * 10));
    expect(taken.filter((more) => more !== undefined)).toEqual([0]);
    expect(log.take('a', 10_000)).toBe(999);
    expect(log.take('b', 10_000)).toBe(0);
  });
});
