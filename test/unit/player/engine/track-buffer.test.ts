import { describe, expect, test } from '@jest/globals';
import {
  createTrackBuffer,
  type SourceBufferLike,
  type TrackBuffer,
} from '../../../../player/engine/track-buffer.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** As the browser's: busy until told otherwise, and full where a test says so. */
class FakeSourceBuffer implements SourceBufferLike {
  readonly #listeners: (() => void)[] = [];
  updating = false;
  isFull = false;
  start = 0;
  readonly done: string[] = [];

  get buffered(): SourceBufferLike['buffered'] {
    return { length: 1, start: () => this.start, end: () => 100 };
  }

  addEventListener(_type: 'updateend', listener: () => void): void {
    this.#listeners.push(listener);
  }

  appendBuffer(bytes: Bytes): void {
    if (this.isFull) {
      throw new DOMException('full', 'QuotaExceededError');
    }
    this.done.push(`+${[...bytes].join(' ')}`);
    this.updating = true;
  }

  remove(from: number, to: number): void {
    this.done.push(`-${from}..${to}`);
    this.updating = true;
  }

  settle(): void {
    this.updating = false;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

const bytes = (...values: number[]): Bytes => Uint8Array.from(values);
const INIT = bytes(100);
const OTHER = bytes(200);

function open(position = () => 7): { fake: FakeSourceBuffer; buffer: TrackBuffer } {
  const fake = new FakeSourceBuffer();
  const buffer = createTrackBuffer(fake, () => undefined, position);
  return { fake, buffer };
}

describe('a source buffer', () => {
  test('gets the init segment wherever the rendition changes, and at once all that waits', () => {
    const { fake, buffer } = open();
    buffer.append(bytes(1), INIT);
    buffer.append(bytes(2), INIT);
    buffer.append(bytes(3), OTHER);
    expect(fake.done).toEqual(['+100 1']);
    fake.settle();
    expect(fake.done).toEqual(['+100 1', '+2 200 3']);
    expect(buffer.isIdle()).toBe(false);
    fake.settle();
    expect(buffer.isIdle()).toBe(true);
  });

  test('is emptied before what comes after, and what waited is forgotten', () => {
    const { fake, buffer } = open();
    buffer.append(bytes(1), INIT);
    buffer.append(bytes(2), INIT);
    buffer.clear();
    buffer.append(bytes(3), INIT);
    fake.settle();
    fake.settle();
    fake.settle();
    expect(fake.done).toEqual(['+100 1', '-0..Infinity', '+100 3']);
  });

  test('that is full waits, lets go of what has been seen, and loses nothing', () => {
    const { fake, buffer } = open();
    fake.isFull = true;
    buffer.append(bytes(1), INIT);
    buffer.append(bytes(2), INIT);
    expect(fake.done).toEqual([]);
    buffer.look();
    expect(fake.done).toEqual(['-0..5']);
    fake.start = 5;
    fake.settle();
    // Still full, and nothing more to let go of: no turning round and round.
    buffer.look();
    expect(fake.done).toEqual(['-0..5']);
    fake.isFull = false;
    buffer.look();
    fake.settle();
    expect(fake.done).toEqual(['-0..5', '+100 1 2']);
    expect(buffer.isIdle()).toBe(true);
  });

  test('keeps no more than some seconds behind what is played, however long it goes on', () => {
    let now = 0;
    const { fake, buffer } = open(() => now);
    let longest = 0;
    for (; now < 3_600; now += 1) {
      buffer.append(bytes(1), INIT);
      fake.settle();
      buffer.look();
      const removed = /^-0\.\.(\d+)$/.exec(fake.done.at(-1) ?? '')?.[1];
      fake.start = Math.max(fake.start, Number(removed ?? 0));
      fake.settle();
      longest = Math.max(longest, now - fake.start);
    }
    expect(longest).toBeGreaterThan(30);
    expect(longest).toBeLessThan(45);
  });

  test('that the element has let go of throws nothing', () => {
    const { fake, buffer } = open();
    fake.appendBuffer = () => {
      throw new DOMException('gone', 'InvalidStateError');
    };
    expect(() => {
      buffer.append(bytes(1), INIT);
    }).not.toThrow();
  });
});
