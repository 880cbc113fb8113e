import { describe, expect, test } from '@jest/globals';
import { Admission, type Guest } from '../../../ingest/rtmp/admission.ts';

interface TestGuest extends Guest {
  isEvicted: boolean;
}

const guest = (source: string): TestGuest => {
  const made: TestGuest = {
    source,
    isEvicted: false,
    evict: () => {
      made.isEvicted = true;
    },
  };
  return made;
};

const crowd = (count: number, source: (i: number) => string): TestGuest[] =>
  Array.from({ length: count }, (_, i) => guest(source(i)));

describe('admission', () => {
  test('gives a newcomer the place of the oldest handshake of the source that has most', () => {
    const admission = new Admission({ total: 10, perSource: 5 });
    const honest = guest('honest');
    admission.arrive(honest);
    const flood = crowd(400, (i) => `attacker-${i % 3}`);
    flood.forEach((each) => {
      admission.arrive(each);
    });
    expect(admission.counts.greeting).toBe(40);
    expect(honest.isEvicted).toBe(false);
    expect(flood.filter(({ isEvicted }) => isEvicted)).toEqual(flood.slice(0, 361));
  });

  test('lets half-open handshakes take no place of those that go on', () => {
    const admission = new Admission({ total: 10, perSource: 5 });
    crowd(100, () => 'here').forEach((each) => {
      admission.arrive(each);
    });
    const honest = guest('here');
    admission.arrive(honest);
    expect(admission.greeted(honest)).toBe(true);
    expect(admission.counts).toEqual({ greeting: 39, waiting: 1, publishing: 0 });
  });

  test('never evicts a publisher, and turns newcomers away only when all others publish', () => {
    const admission = new Admission({ total: 10, perSource: 5 });
    const publishers = crowd(10, (i) => `site-${i % 2}`);
    publishers.forEach((each) => {
      admission.arrive(each);
      expect(admission.greeted(each)).toBe(true);
      admission.publishes(each, true);
    });
    const late = crowd(50, (i) => `late-${i}`);
    late.forEach((each) => {
      admission.arrive(each);
      expect(admission.greeted(each)).toBe(false);
    });
    const [first] = publishers;
    if (first !== undefined) {
      admission.publishes(first, false);
    }
    const newcomer = guest('new');
    admission.arrive(newcomer);
    expect(admission.greeted(newcomer)).toBe(true);
    expect(publishers.map(({ isEvicted }) => isEvicted)).toEqual(
      publishers.map((each) => each === first),
    );
  });

  test('keeps one source within its share by evicting its own oldest', () => {
    const admission = new Admission({ total: 100, perSource: 5 });
    const other = guest('other');
    admission.arrive(other);
    admission.greeted(other);
    const many = crowd(50, () => 'one');
    many.forEach((each) => {
      admission.arrive(each);
      expect(admission.greeted(each)).toBe(true);
    });
    expect(admission.counts.waiting).toBe(6);
    expect(other.isEvicted).toBe(false);
    expect(many.filter(({ isEvicted }) => !isEvicted)).toEqual(many.slice(-5));
  });

  test('forgets who has left', () => {
    const admission = new Admission({ total: 2, perSource: 2 });
    crowd(50, () => 'one').forEach((each) => {
      admission.arrive(each);
      admission.greeted(each);
      admission.publishes(each, true);
      admission.leave(each);
    });
    expect(admission.counts).toEqual({ greeting: 0, waiting: 0, publishing: 0 });
  });
});
