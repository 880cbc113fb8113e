import { describe, expect, test } from '@jest/globals';
import { LastKnown } from '../../../edge/last-known.ts';

const FRESH_MS = 1_000;

/** A question under way. */
interface Asked {
  readonly answer: Promise<string>;
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

function ask(): Asked {
  let settle: Pick<Asked, 'resolve' | 'reject'> | undefined;
  const answer = new Promise<string>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return {
    answer,
    resolve: (text) => settle?.resolve(text),
    reject: (error) => settle?.reject(error),
  };
}

/** A question whose answers the test gives, and a clock that it sets. */
function question(patienceMs = 60_000): {
  readonly known: LastKnown<string>;
  readonly asked: Asked[];
  readonly at: (ms: number) => void;
} {
  const asked: Asked[] = [];
  let now = 0;
  const known = new LastKnown<string>({
    name: 'the weather',
    ask: () => {
      const one = ask();
      asked.push(one);
      return one.answer;
    },
    freshMs: FRESH_MS,
    patienceMs,
    now: () => now,
  });
  return {
    known,
    asked,
    at: (ms) => {
      now = ms;
    },
  };
}

describe('what is known last', () => {
  test('is asked once by however many, and again only when it is old', async () => {
    const { known, asked, at } = question();
    const all = Array.from({ length: 1_000 }, () => known.get());
    asked[0]?.resolve('sun');
    expect(new Set(await Promise.all(all))).toEqual(new Set(['sun']));
    at(FRESH_MS - 1);
    expect(await known.get()).toBe('sun');
    expect(asked).toHaveLength(1);
    at(FRESH_MS);
    const later = known.get();
    asked[1]?.resolve('rain');
    expect(await later).toBe('rain');
  });

  test('is told at once, and not asked again, while a question stays without an answer', async () => {
    const { known, asked, at } = question(1);
    const first = known.get();
    asked[0]?.resolve('sun');
    await first;
    for (let seconds = 1; seconds <= 100; seconds += 1) {
      at(seconds * FRESH_MS);
      expect(await known.get()).toBe('sun');
    }
    expect(asked).toHaveLength(2);
    asked[1]?.resolve('rain');
    await asked[1]?.answer;
    expect(await known.get()).toBe('rain');
  });

  test('is told while questions fail, which are no more than one in the time that an answer is fresh', async () => {
    const { known, asked, at } = question();
    const first = known.get();
    asked[0]?.resolve('sun');
    await first;
    for (let ms = FRESH_MS; ms < 10 * FRESH_MS; ms += 10) {
      at(ms);
      const told = known.get();
      asked.at(-1)?.reject(new Error('away'));
      expect(await told).toBe('sun');
    }
    expect(asked).toHaveLength(1 + 9);
  });

  test('is an error that says so before there is any', async () => {
    const { known } = question(1);
    await expect(known.get()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('the weather'),
    });
  });
});
