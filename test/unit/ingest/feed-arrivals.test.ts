import { describe, expect, test } from '@jest/globals';
import { FeedArrivals } from '../../../ingest/feed/feed-arrivals.ts';
import { FeedMeter, meterKind } from '../../../ingest/feed/feed-meter.ts';
import { KeyframeInterval } from '../../../ingest/feed/keyframe-interval.ts';

const WHOLE = { picture: true, sound: true };
const FRAME = 40;

/** A feed of 25 pictures a second, a keyframe every 2 s, and sound, whose parts can be left out. */
class Feed {
  readonly arrivals = new FeedArrivals();
  readonly told: string[] = [];
  headers = WHOLE;
  now = 0;
  #clock = 0;

  /** Goes on for so many seconds. `isPaused`: the feed's own clock stands meanwhile. */
  run(
    seconds: number,
    { picture = true, sound = true, isPaused = false, keyframes = 2 } = {},
  ): string[] {
    this.told.length = 0;
    for (const end = this.now + seconds * 1000; this.now < end; this.now += FRAME) {
      if (picture) {
        const isStart = this.#clock % (keyframes * 1000) === 0;
        this.arrivals.picture(this.now, (this.#clock + 2 ** 32 - 5000) % 2 ** 32, isStart);
      }
      if (sound) {
        this.arrivals.sound(this.now);
      }
      this.#clock += isPaused ? 0 : FRAME;
      this.told.push(...this.arrivals.read(this.now, this.headers).map(({ code }) => code));
    }
    return [...new Set(this.told)];
  }

  /** The message at this moment. */
  get message(): string {
    return this.arrivals
      .read(this.now, this.headers)
      .map(({ message }) => message)
      .join();
  }
}

const NOTHING = { picture: false, sound: false };

describe('what of a feed arrives', () => {
  test('is not worth a word when it is all there, also over a wrap of its clock', () => {
    expect(new Feed().run(100)).toEqual([]);
  });

  test.each([
    ['and its clock goes on', false],
    ['and its clock stands', true],
  ])('is nothing: the feed has stalled, %s, and no more is said', (_how, isPaused) => {
    const feed = new Feed();
    feed.run(10);
    expect(feed.run(2.9, { ...NOTHING, isPaused })).toEqual([]);
    expect(feed.run(12, { ...NOTHING, isPaused })).toEqual(['FEED_STALLED']);
    expect(feed.message).toMatch(/^no pictures and no sound have come for 1[45]\.\d s: check/);
    expect(feed.run(30)).toEqual([]);
  });

  test('is nothing from the beginning on', () => {
    expect(new Feed().run(10, NOTHING)).toEqual(['FEED_STALLED']);
  });

  test('is sound before pictures after a stall, which is no fault of the pictures yet', () => {
    const feed = new Feed();
    feed.run(10);
    feed.run(10, NOTHING);
    expect(feed.run(2.8, { picture: false })).toEqual([]);
    expect(feed.run(2, { picture: false })).toEqual(['NO_VIDEO']);
  });

  test('is sound only', () => {
    const never = new Feed();
    expect(never.run(15, { picture: false })).toEqual(['NO_VIDEO']);
    expect(never.message).toMatch(/^no pictures come, only sound: check/);
    const feed = new Feed();
    feed.run(10);
    expect(feed.run(60, { picture: false })).toEqual(['NO_VIDEO']);
    expect(feed.message).toMatch(/^no pictures have come for 60\.\d s, only sound: check/);
    expect(feed.run(30)).toEqual([]);
  });

  test('is pictures only', () => {
    const never = new Feed();
    expect(never.run(15, { sound: false })).toEqual(['NO_AUDIO']);
    expect(never.message).toBe('the feed has no sound');
    const feed = new Feed();
    feed.run(10);
    expect(feed.run(20, { sound: false })).toEqual(['NO_AUDIO']);
    expect(feed.message).toMatch(/^no sound has come for 20\.\d s: check/);
    expect(feed.run(30)).toEqual([]);
  });

  test('is sound whose header is missing, and pictures whose header is missing', () => {
    const feed = new Feed();
    feed.headers = { picture: true, sound: false };
    expect(feed.run(10)).toEqual(['AUDIO_HEADER_MISSING']);
    feed.headers = { picture: false, sound: true };
    expect(feed.run(10)).toEqual(['VIDEO_HEADER_MISSING']);
    feed.headers = WHOLE;
    expect(feed.run(10)).toEqual([]);
    const early = new Feed();
    early.headers = { picture: false, sound: false };
    expect(early.run(2.9)).toEqual([]);
  });
});

describe('keyframes', () => {
  test('that are far apart are told, by the feed’s clock, until they are not', () => {
    const feed = new Feed();
    expect(feed.run(4, { keyframes: 1000 })).toEqual([]);
    expect(feed.run(16, { keyframes: 1000 })).toEqual(['KEYFRAME_INTERVAL_LONG']);
    expect(feed.message).toMatch(/^no keyframe for (19|20)\.\d s: set/);
    expect(feed.run(10, { keyframes: 1000 })).toContain('KEYFRAME_TOO_FAR');
    feed.run(20, { keyframes: 5 });
    expect(feed.message).toBe(
      "keyframes are 5.0 s apart: set the encoder's keyframe interval to 2 s",
    );
    feed.run(5);
    expect(feed.run(10)).toEqual([]);
  });

  test('that never came are missed from the first picture on', () => {
    const arrivals = new FeedArrivals();
    const codes = new Set<string>();
    for (let now = 0; now < 10_000; now += FRAME) {
      arrivals.picture(now, now, false);
      arrivals.sound(now);
      arrivals.read(now, WHOLE).forEach(({ code }) => codes.add(code));
    }
    expect([...codes]).toEqual(['KEYFRAME_INTERVAL_LONG']);
  });

  test('before and after a hole, a step of the clock or pictures that come in bursts are no interval', () => {
    const interval = new KeyframeInterval();
    for (const start of [0, 9000, 5_000_000, 1000, 2 ** 32 - 1000]) {
      for (let at = 0; at < 4000; at += FRAME) {
        interval.add((start + at) % 2 ** 32, at % 2000 === 0);
        expect(Math.max(interval.seconds ?? 0, interval.open)).toBeLessThanOrEqual(2);
      }
    }
    expect(interval.seconds).toBe(2);
    const feed = new Feed();
    feed.run(10);
    // The network holds everything back for 4.5 s, and then delivers it at once.
    const held = feed.now;
    feed.now += 4500;
    for (let at = held; at < feed.now; at += FRAME) {
      feed.arrivals.picture(feed.now, (at + 2 ** 32 - 5000) % 2 ** 32, at % 2000 === 0);
    }
    expect(feed.arrivals.read(feed.now, WHOLE)).toEqual([]);
    expect(feed.arrivals.keyframeSeconds).toBe(2);
  });
});

describe('the meter', () => {
  test('counts pictures and sound that cannot be decoded yet, but no headers', () => {
    const kinds = [
      meterKind('video', Buffer.of(0x27, 1, 0, 0, 0, 1), undefined),
      meterKind('video', Buffer.of(0x17, 0, 0, 0, 0, 1), undefined),
      meterKind('audio', Buffer.of(0xaf, 1, 1), undefined),
      meterKind('audio', Buffer.of(0xaf, 0, 0x11, 0x90), undefined),
      meterKind('script', Buffer.alloc(10), undefined),
    ];
    expect(kinds).toEqual(['frame', 'other', 'sound', 'other', 'other']);
  });

  test('has rates over five seconds and the keyframe interval', () => {
    const meter = new FeedMeter();
    for (let now = 0; now <= 10_000; now += FRAME) {
      meter.add(now, 1000, now % 2000 === 0 ? 'start' : 'frame', now);
      meter.add(now, 200, 'sound', now);
    }
    const { bitrateBps, fps, keyframeSeconds, warnings } = meter.read(10_000, WHOLE, undefined);
    expect({ fps: Math.round(fps), keyframeSeconds, warnings }).toEqual({
      fps: 25,
      keyframeSeconds: 2,
      warnings: [],
    });
    expect(bitrateBps / 240_000).toBeCloseTo(1, 1);
  });
});
