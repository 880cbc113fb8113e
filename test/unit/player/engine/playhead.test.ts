import { describe, expect, test } from '@jest/globals';
import { Playhead, type Video } from '../../../../player/engine/playhead.ts';
import type { Ranges } from '../../../../player/engine/ranges.ts';

const DISTANCE = 0.5;
const TICK = 0.05;

/** An element that plays what it has, as the test's clock passes. */
class FakeVideo implements Video {
  playbackRate = 1;
  readyState = 4;
  paused = false;
  seeking = false;
  ended = false;
  stretches: readonly (readonly [number, number])[] = [];
  /** Where it was sent. */
  readonly seeks: number[] = [];
  readonly #listeners = new Map<string, () => void>();
  #time = 0;

  get currentTime(): number {
    return this.#time;
  }

  set currentTime(time: number) {
    this.#time = time;
    this.seeks.push(time);
  }

  get buffered(): Ranges {
    return {
      length: this.stretches.length,
      start: (index) => this.stretches[index]?.[0] ?? 0,
      end: (index) => this.stretches[index]?.[1] ?? 0,
    };
  }

  addEventListener(type: string, listener: () => void): void {
    this.#listeners.set(type, listener);
  }

  pause(): void {
    this.paused = true;
    this.#listeners.get('pause')?.();
  }

  play(): void {
    this.paused = false;
    this.#listeners.get('play')?.();
  }

  pass(seconds: number): void {
    const isInHand = this.stretches.some(
      ([from, to]) => from <= this.#time && this.#time + seconds * this.playbackRate < to,
    );
    if (isInHand && !this.paused) {
      this.#time += seconds * this.playbackRate;
    }
    this.readyState = isInHand ? 4 : 2;
  }
}

function open(): {
  readonly video: FakeVideo;
  readonly playhead: Playhead;
  readonly world: { now: number; isHidden: boolean; distance: number };
  /** Media come `late` after they were taken, and playback goes on. */
  readonly run: (seconds: number, late?: number) => void;
} {
  const video = new FakeVideo();
  const world = { now: 10_000, isHidden: false, distance: DISTANCE };
  const playhead = new Playhead(
    {
      video,
      isHidden: () => world.isHidden,
      now: () => world.now,
      live: () => world.now - world.distance,
      margin: 0.1,
    },
    new AbortController().signal,
  );
  return {
    video,
    playhead,
    world,
    run: (seconds, late = 0.2) => {
      const end = world.now + seconds;
      for (; world.now < end - 1e-9; world.now += TICK) {
        video.stretches = video.stretches.map(([from, to], i) =>
          i === video.stretches.length - 1 ? [from, Math.max(to, world.now - late)] : [from, to],
        );
        playhead.tick();
        video.pass(TICK);
      }
    },
  };
}

const behind = ({ world, video }: ReturnType<typeof open>): number => world.now - video.currentTime;

describe('the playhead', () => {
  test('joins at its distance once there is something to play, and stays there', () => {
    const it = open();
    it.run(1);
    expect(it.playhead.isJoining).toBe(true);
    expect(it.video.seeks).toEqual([]);
    it.video.stretches = [[9_999, it.world.now - 0.2]];
    it.run(0.1);
    expect(it.playhead.isJoining).toBe(false);
    it.run(30);
    expect(it.video.seeks).toHaveLength(1);
    expect(behind(it)).toBeCloseTo(DISTANCE, 1);
  });

  test('goes to a greater distance and back by its rate alone', () => {
    const it = open();
    it.video.stretches = [[9_999, 10_000]];
    it.run(2);
    it.world.distance = 0.8;
    it.run(12);
    expect(Math.abs(behind(it) - 0.8)).toBeLessThan(0.025);
    it.world.distance = 0.5;
    it.run(12);
    expect(Math.abs(behind(it) - 0.5)).toBeLessThan(0.025);
    expect(it.video.seeks).toHaveLength(1);
    expect(it.video.playbackRate).toBe(1);
  });

  test('does not drift back when media were not there for a while', () => {
    const it = open();
    it.video.stretches = [[9_999, 10_000]];
    it.run(2);
    const before = it.video.stretches;
    for (const end = it.world.now + 3; it.world.now < end; it.world.now += TICK) {
      it.video.stretches = before;
      it.playhead.tick();
      it.video.pass(TICK);
    }
    expect(behind(it)).toBeGreaterThan(2);
    it.run(2);
    expect(behind(it)).toBeCloseTo(DISTANCE, 1);
  });

  test('goes back, plays on from there at its own pace, and returns', () => {
    const it = open();
    it.video.stretches = [[9_990, 10_000]];
    it.run(2);
    expect(it.playhead.seek(9_995)).toBe(true);
    it.run(4);
    expect(it.playhead.isLive).toBe(false);
    expect(it.video.currentTime).toBeCloseTo(9_999, 1);
    expect(it.video.playbackRate).toBe(1);
    expect(it.playhead.seek(it.world.now)).toBe(true);
    expect(it.playhead.isLive).toBe(true);
    it.run(1);
    expect(behind(it)).toBeCloseTo(DISTANCE, 1);
  });

  test('goes to what is not in hand once it is', () => {
    const it = open();
    it.video.stretches = [[9_999, 10_000]];
    it.run(2);
    expect(it.playhead.seek(9_900)).toBe(false);
    it.video.stretches = [];
    it.playhead.rejoin();
    expect([it.playhead.isJoining, it.playhead.position]).toEqual([true, 9_900]);
    it.video.stretches = [[9_898, 9_904]];
    it.run(0.1, 1_000);
    expect(it.playhead.isJoining).toBe(false);
    expect(it.video.currentTime).toBeGreaterThanOrEqual(9_900);
  });

  test('stays where a viewer paused for long, and not where a browser paused what nobody saw', () => {
    for (const isHidden of [false, true]) {
      const it = open();
      it.video.stretches = [[9_999, 10_000]];
      it.run(2);
      it.world.isHidden = isHidden;
      it.video.pause();
      it.run(20);
      it.world.isHidden = false;
      it.video.play();
      it.run(2);
      expect(it.playhead.isLive).toBe(isHidden);
      expect(behind(it) < 1).toBe(isHidden);
    }
  });

  test('is woken when it stands with something to play, and taken over a hole', () => {
    const it = open();
    it.video.stretches = [[9_990, 10_000]];
    it.run(2);
    it.playhead.seek(9_991);
    it.video.stretches = [
      [9_990, 9_992],
      [9_994, 10_010],
    ];
    it.run(4);
    expect(it.video.currentTime).toBeGreaterThan(9_995);
  });

  test('has no clock to follow after the end', () => {
    const it = open();
    it.video.stretches = [[9_999, 10_000]];
    it.run(2);
    it.playhead.end();
    it.world.distance = 3;
    it.run(3);
    expect(it.playhead.isLive).toBe(false);
    expect(it.video.playbackRate).toBe(1);
    it.playhead.seek(it.world.now);
    expect(it.playhead.isLive).toBe(false);
  });
});
