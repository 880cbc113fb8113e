import { describe, expect, test } from '@jest/globals';
import type { MadeRendition } from '../../../../player/engine/manifest.ts';
import { Renditions } from '../../../../player/engine/renditions.ts';

const made = (height: number, bandwidthBps: number): MadeRendition => ({
  id: `v${height}`,
  type: 'video/mp4; codecs="avc1.64001f"',
  bandwidthBps,
  width: (height * 16) / 9,
  height,
  init: `v${height}/init.mp4`,
});
const ALL = [made(720, 3_000_000), made(480, 1_400_000), made(360, 700_000)];
const SOUND = 128_000;

/** A player at a clock that the test moves. */
function open(screenHeight = 1080): { renditions: Renditions; pass: (seconds: number) => void } {
  let now = 1_000;
  const renditions = new Renditions(ALL, SOUND, {
    now: () => now,
    screenHeight: () => screenHeight,
  });
  return {
    renditions,
    pass: (seconds) => {
      now += seconds;
    },
  };
}

/** Bursts that say so many bits a second. */
function carry(renditions: Renditions, bitsPerSecond: number): void {
  for (let i = 0; i < 12; i += 1) {
    renditions.burst({ bytes: 40_000, seconds: (40_000 * 8) / bitsPerSecond });
  }
}

/** A second of a way that carries no more than so much, on which fragments come ever later. */
function squeeze(
  renditions: Renditions,
  pass: (seconds: number) => void,
  bitsPerSecond: number,
): void {
  const step = 0.02;
  for (let i = 0; i < 50; i += 1) {
    renditions.chunk((bitsPerSecond * step) / 8, true);
    renditions.fragment(500, 'v480', i * step);
    pass(step);
  }
}

describe('the renditions', () => {
  test('begin with what a first visit is taken to carry, and follow what is measured', () => {
    const { renditions, pass } = open();
    expect(renditions.next()).toBe('v480');
    carry(renditions, 20_000_000);
    pass(7);
    expect(renditions.next()).toBe('v720');
  });

  test('go up by one where nothing was late for long and nothing tells how much room there is', () => {
    const { renditions, pass } = open();
    squeeze(renditions, pass, 1_200_000);
    expect(renditions.escape()?.rendition.id).toBe('v360');
    carry(renditions, 900_000);
    pass(19);
    expect(renditions.next()).toBe('v360');
    // Fragments are too small for bursts, and what was measured in trouble is long ago.
    pass(2);
    expect(renditions.next()).toBe('v480');
    pass(11);
    expect(renditions.next()).toBe('v480');
    pass(2);
    expect(renditions.next()).toBe('v720');
  });

  test('no taller than the screen', () => {
    const { renditions } = open(400);
    carry(renditions, 20_000_000);
    expect(renditions.next()).toBe('v480');
  });

  test('the viewer chooses, until it is not made any more', () => {
    const { renditions } = open();
    renditions.chosen = 'v360';
    carry(renditions, 20_000_000);
    expect(renditions.next()).toBe('v360');
    expect(renditions.offer(ALL.slice(0, 2))).toBe(true);
    expect(renditions.chosen).toBeUndefined();
    expect(['v720', 'v480']).toContain(renditions.next());
    renditions.chosen = 'v999';
    expect(renditions.chosen).toBeUndefined();
  });

  test('one that is withdrawn gives way to the best below it, and comes back when it is made again', () => {
    const { renditions, pass } = open();
    carry(renditions, 20_000_000);
    pass(7);
    expect(renditions.next()).toBe('v720');
    expect(renditions.offer(ALL.slice(1))).toBe(true);
    expect(renditions.offer(ALL.slice(1))).toBe(false);
    expect(renditions.next()).toBe('v480');
    expect(renditions.offer(ALL)).toBe(true);
    pass(7);
    expect(renditions.next()).toBe('v720');
  });

  test('one that the network does not carry is left, and avoided for a while', () => {
    const { renditions, pass } = open();
    expect(renditions.next()).toBe('v480');
    expect(renditions.escape()).toBeUndefined();
    squeeze(renditions, pass, 1_200_000);
    const escape = renditions.escape();
    expect(escape?.rendition.id).toBe('v360');
    expect(escape?.flowBps).toBeGreaterThan(1_000_000);
    expect(escape?.flowBps).toBeLessThan(1_400_000);
    expect(renditions.escape()).toBeUndefined();
    carry(renditions, 3_000_000);
    pass(7);
    expect(renditions.next()).toBe('v360');
    pass(10);
    expect(renditions.next()).toBe('v480');
  });

  test('what the viewer chose is not left', () => {
    const { renditions, pass } = open();
    renditions.chosen = 'v480';
    squeeze(renditions, pass, 900_000);
    expect(renditions.escape()).toBeUndefined();
  });

  test('one that an edge does not have is avoided', () => {
    const { renditions } = open();
    expect(renditions.next()).toBe('v480');
    renditions.avoid('v720');
    expect(renditions.next()).toBe('v480');
    renditions.avoid('v480');
    expect(renditions.next()).toBe('v360');
  });

  test('of segments in hand are remembered, of few', () => {
    const { renditions } = open();
    for (let n = 1; n <= 1_000; n += 1) {
      renditions.fragment(n, n % 2 === 0 ? 'v480' : 'v360', 0);
    }
    expect(renditions.of(1_000)?.height).toBe(480);
    expect(renditions.of(999)?.height).toBe(360);
    expect(renditions.of(1)).toBeUndefined();
    renditions.forget();
    expect(renditions.of(1_000)).toBeUndefined();
  });
});

describe('a rendition that is withheld for a while', () => {
  test('is left, and taken again when it is back, also as the viewer’s choice', () => {
    const { renditions, pass } = open();
    carry(renditions, 20_000_000);
    pass(7);
    expect(renditions.next()).toBe('v720');
    renditions.fragment(500, 'v720', 0);
    expect(renditions.offer(ALL.slice(1))).toBe(true);
    expect(renditions.next()).toBe('v480');
    // What is in hand of it is still played.
    expect(renditions.of(500)?.id).toBe('v720');
    expect(renditions.offer(ALL)).toBe(true);
    pass(7);
    expect(renditions.next()).toBe('v720');

    renditions.chosen = 'v720';
    renditions.offer(ALL.slice(1));
    expect(renditions.chosen).toBeUndefined();
    expect(renditions.next()).toBe('v480');
    renditions.offer(ALL);
    expect(renditions.chosen).toBe('v720');
    expect(renditions.next()).toBe('v720');
    renditions.chosen = undefined;
    renditions.offer(ALL.slice(1));
    renditions.offer(ALL);
    expect(renditions.chosen).toBeUndefined();
  });
});
