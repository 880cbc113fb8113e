import { describe, expect, test } from '@jest/globals';
import { gridOf, placeOfTime, type FpsName } from '#common/grid';
import { milliseconds } from '#common/time';
import { feedPackets, mapFeed, placesOf, type FeedShape } from './simulated-feed.ts';

const START = 1_795_477_672_768;
const PHASES = [0, 0.2, 0.4, 0.6, 0.8];

const RATES: readonly (readonly [FpsName, number])[] = [
  ['30', 30],
  ['30000/1001', 30_000 / 1001],
  ['60', 60],
  ['25', 25],
];

const atPhase = (phase: number, shape: Omit<FeedShape, 'start'>): FeedShape => ({
  ...shape,
  start: START + (phase * 1000) / shape.fps,
  seed: Math.round(phase * 10) + 1,
});

describe('a clean feed', () => {
  test.each(RATES)(
    'at %s, with 10 ms of jitter and 200 ppm of drift, repeats nothing but one frame per frame of drift, at five phases',
    (name, fps) => {
      for (const phase of PHASES) {
        const shape = atPhase(phase, { fps, seconds: 600, jitter: 10, ppm: 200 });
        const { lost, repeated } = placesOf(mapFeed(name, feedPackets(shape)).mapped);
        expect({ phase, lost }).toEqual({ phase, lost: 0 });
        const drift = 600 * fps * 200e-6;
        expect(repeated).toBeLessThanOrEqual(Math.ceil(drift));
        expect(repeated).toBeGreaterThanOrEqual(Math.floor(drift) - 1);
      }
    },
  );

  test.each(RATES)(
    'at %s whose clock runs slow loses nothing but one frame per frame of drift, at five phases',
    (name, fps) => {
      for (const phase of PHASES) {
        const shape = atPhase(phase, { fps, seconds: 240, jitter: 10, ppm: -200, bFrames: 2 });
        const { lost, repeated } = placesOf(mapFeed(name, feedPackets(shape)).mapped);
        expect({ phase, repeated }).toEqual({ phase, repeated: 0 });
        expect(lost).toBeLessThanOrEqual(Math.ceil(240 * fps * 200e-6));
      }
    },
  );

  test('without drift loses and repeats nothing, with and without B-frames, at five phases', () => {
    for (const [name, fps] of RATES) {
      for (const bFrames of [0, 2]) {
        for (const phase of PHASES) {
          const shape = atPhase(phase, { fps, seconds: 60, jitter: 10, bFrames });
          const { lost, repeated } = placesOf(mapFeed(name, feedPackets(shape)).mapped);
          expect({ name, bFrames, phase, lost, repeated }).toEqual({
            name,
            bFrames,
            phase,
            lost: 0,
            repeated: 0,
          });
        }
      }
    }
  });

  test('whose pictures begin after sound alone loses and repeats nothing, at five phases', () => {
    for (const phase of PHASES) {
      const isMissing = (n: number): boolean => n < 150;
      const shape = atPhase(phase, { fps: 30, seconds: 30, jitter: 10, bFrames: 2, isMissing });
      const { mapped, map } = mapFeed('30', feedPackets({ ...shape, sound: 48_000 }));
      const { lost, repeated } = placesOf(mapped);
      expect({ phase, lost, repeated }).toEqual({ phase, lost: 0, repeated: 0 });
      expect(map.soundBreaks).toBe(0);
      expect(map.steps).toBe(0);
    }
  });

  test('whose pictures hold up all that comes with them as they begin goes on with its sound unmoved', () => {
    const isMissing = (n: number): boolean => n < 150;
    const congestions = [
      (seconds: number): number => (seconds >= 4.8 && seconds < 6 ? 150 : 0),
      (seconds: number): number => (seconds < 4.8 ? 150 : 0),
    ];
    for (const delay of congestions) {
      const shape: FeedShape = { fps: 30, seconds: 20, start: START, isMissing, delay };
      const { mapped, map } = mapFeed('30', feedPackets({ ...shape, sound: 48_000 }));
      expect(map.soundBreaks).toBe(0);
      const sound = mapped.flatMap((item) => (item.kind === 'audio' ? [item.position] : []));
      const steps = sound.slice(1).map((position, i) => position - (sound[i] ?? 0));
      expect(new Set(steps)).toEqual(new Set([1024]));
      const { lost, repeated } = placesOf(mapped);
      expect({ lost, repeated }).toEqual({ lost: 0, repeated: 0 });
    }
  });

  test('lies within a frame of its arrival, also when it began with a burst', () => {
    const burst = (seconds: number): number => Math.max(0, 2000 - seconds * 1000);
    for (const delay of [undefined, burst]) {
      const shape: FeedShape = { fps: 30, seconds: 20, start: START, ...(delay && { delay }) };
      const { mapped } = mapFeed('30', feedPackets(shape));
      const last = mapped.findLast((item) => item.kind === 'video');
      const arrived = placeOfTime(gridOf('30'), milliseconds(last?.packet.arrival ?? 0));
      expect(Math.abs(arrived - (last?.kind === 'video' ? last.index : 0))).toBeLessThan(1.5);
    }
  });
});

describe('frames in decode order', () => {
  test('leave in decode order with indices in presentation order and growing decode times', () => {
    const { mapped } = mapFeed(
      '30',
      feedPackets({ fps: 30, seconds: 30, start: START, bFrames: 2 }),
    );
    const frames = mapped.flatMap((item) => (item.kind === 'video' ? [item] : []));
    const first = frames[0]?.index ?? 0;
    // The simulated feed keeps the frame's own number in its flags.
    frames.forEach((frame) => {
      expect(frame.index - first).toBe(frame.packet.flags);
    });
    for (let i = 1; i < frames.length; i += 1) {
      expect(frames[i]?.dts).toBeGreaterThan(frames[i - 1]?.dts ?? 0);
    }
  });

  test('come so that all below the highest index seen are there after every packet', () => {
    const packets = feedPackets({ fps: 30, seconds: 10, start: START, bFrames: 3 });
    const { map } = mapFeed('30', packets.slice(0, 40));
    const seen = new Set<number>();
    let highest = 0;
    let lowest = Number.POSITIVE_INFINITY;
    for (const packet of packets.slice(40)) {
      for (const item of map.push(packet)) {
        if (item.kind === 'video') {
          seen.add(item.index);
          highest = Math.max(highest, item.index);
          lowest = Math.min(lowest, item.index);
        }
      }
      for (let index = lowest; index < highest; index += 1) {
        expect(seen.has(index)).toBe(true);
      }
    }
    expect(seen.size).toBeGreaterThan(200);
  });
});

describe('a feed at a whole part of the grid’s rate', () => {
  const halves: readonly (readonly [FpsName, number, number])[] = [
    ['30', 15, 2],
    ['30000/1001', 15_000 / 1001, 2],
    ['50', 25, 2],
    ['60000/1001', 30_000 / 1001, 2],
    ['25', 12.5, 2],
    ['30', 10, 3],
  ];
  const stepsOf = (shown: readonly number[]): number[] =>
    shown.slice(1).map((index, i) => index - (shown[i] ?? 0));

  test.each(halves)(
    'takes evenly spaced places of %s at %d, at five phases',
    (name, fps, stride) => {
      for (const bFrames of [0, 2]) {
        for (const phase of PHASES) {
          const shape = atPhase(phase, { fps, seconds: 120, jitter: 8, bFrames });
          const packets = feedPackets(shape);
          const { shown } = placesOf(mapFeed(name, packets).mapped);
          expect(new Set(stepsOf(shown))).toEqual(new Set([stride]));
          expect(shown.length).toBe(packets.length);
        }
      }
    },
  );

  test.each(halves)('with drift gives up one place now and then: %s at %d', (name, fps, stride) => {
    for (const ppm of [-200, 200]) {
      const shape = atPhase(0.4, { fps, seconds: 600, jitter: 5, ppm });
      const steps = stepsOf(placesOf(mapFeed(name, feedPackets(shape)).mapped).shown);
      const uneven = steps.filter((step) => step !== stride);
      expect(uneven.every((step) => step === stride + Math.sign(ppm))).toBe(true);
      expect(uneven.length).toBeLessThanOrEqual(Math.ceil(600 * fps * stride * 200e-6));
    }
  });

  test('leaves holes of whole frames where some are missing', () => {
    const isMissing = (n: number): boolean => n % 50 === 40 || (n >= 300 && n < 320);
    const shape = atPhase(0.6, { fps: 25, seconds: 60, jitter: 8, isMissing });
    const { shown, lost } = placesOf(mapFeed('50', feedPackets(shape)).mapped);
    expect(lost).toBe(0);
    expect(stepsOf(shown).every((step) => step % 2 === 0)).toBe(true);
  });

  test('that changes to the whole rate and back loses at most three frames', () => {
    const first = feedPackets({ fps: 25, seconds: 20, start: START });
    const dts = 20_000;
    const later = (packets: typeof first, by: number): typeof first =>
      packets.map((packet) => ({
        ...packet,
        dts: packet.dts + by,
        arrival: packet.arrival + by,
        ...(packet.kind === 'video' && { pts: packet.pts + by }),
      })) as typeof first;
    const second = later(feedPackets({ fps: 50, seconds: 20, start: START }), dts);
    const third = later(first, 2 * dts);
    const { shown, lost } = placesOf(mapFeed('50', [...first, ...second, ...third]).mapped);
    expect(lost).toBeLessThanOrEqual(3);
    const steps = stepsOf(shown);
    expect(new Set(steps.slice(10, 480))).toEqual(new Set([2]));
    expect(new Set(steps.slice(520, 1480))).toEqual(new Set([1]));
    expect(new Set(steps.slice(1520))).toEqual(new Set([2]));
  });
});

describe('a feed at another rate than the grid', () => {
  const convert = (name: FpsName, fps: number): { lost: number; repeated: number }[] =>
    PHASES.map((phase) =>
      placesOf(mapFeed(name, feedPackets(atPhase(phase, { fps, seconds: 100, jitter: 2 }))).mapped),
    );

  test('of 25 on 30 shows each frame and repeats every fifth', () => {
    for (const { lost, repeated } of convert('30', 25)) {
      expect(lost).toBe(0);
      expect(Math.abs(repeated - 500)).toBeLessThanOrEqual(2);
    }
  });

  test('of 60 on 30 shows every second frame and leaves no hole', () => {
    for (const { lost, repeated } of convert('30', 60)) {
      expect(repeated).toBe(0);
      expect(Math.abs(lost - 3000)).toBeLessThanOrEqual(1);
    }
  });

  test('of 29.97 on 30 repeats one frame in a thousand', () => {
    for (const { lost, repeated } of convert('30', 30_000 / 1001)) {
      expect(lost).toBe(0);
      expect(Math.abs(repeated - 3)).toBeLessThanOrEqual(1);
    }
  });

  test('of varying rate never goes back and shows every frame that has a place of its own', () => {
    const isMissing = (n: number): boolean => n % 7 === 3 || (n > 300 && n % 3 !== 0);
    const { mapped } = mapFeed(
      '30',
      feedPackets({ fps: 30, seconds: 60, start: START, isMissing }),
    );
    const frames = mapped.flatMap((item) => (item.kind === 'video' ? [item] : []));
    const first = (frames[0]?.index ?? 0) - (frames[0]?.packet.flags ?? 0);
    expect(frames.map((frame) => frame.index - first)).toEqual(
      frames.map((frame) => frame.packet.flags),
    );
  });
});

describe('a feed that begins with a burst of nine seconds', () => {
  test('has not stepped, and loses and repeats nothing', () => {
    const shape = atPhase(0, { fps: 30, seconds: 20, jitter: 3, sound: 48_000 });
    const delay = (seconds: number): number => Math.max(0, 9 - seconds) * 980;
    const { map, mapped } = mapFeed('30', feedPackets({ ...shape, delay }));
    const { lost, repeated } = placesOf(mapped);
    expect({ steps: map.steps, breaks: map.soundBreaks, lost, repeated }).toEqual({
      steps: 0,
      breaks: 0,
      lost: 0,
      repeated: 0,
    });
  });
});

describe('a feed that breaks', () => {
  test('has not stepped when it comes back from a stall, but has when its clock jumps', () => {
    const shape = atPhase(0, { fps: 30, seconds: 40, jitter: 3, sound: 48_000 });
    const whole = feedPackets(shape);
    const at = (seconds: number): number => shape.start + seconds * 1000;
    const stalled = whole.filter(({ arrival }) => arrival < at(10) || arrival > at(22));
    expect(mapFeed('30', stalled).map.steps).toBe(0);
    const jumps = feedPackets({ ...shape, shift: (seconds) => (seconds > 20 ? 12_000 : 0) });
    expect(mapFeed('30', jumps).map.steps).toBe(1);
    const jumpsInStall = jumps.filter(({ arrival }) => arrival < at(19) || arrival > at(21));
    expect(mapFeed('30', jumpsInStall).map.steps).toBe(1);
  });

  test('leaves a hole of exactly the frames that are missing', () => {
    const isMissing = (n: number): boolean => n >= 200 && n < 237;
    const { mapped } = mapFeed(
      '30',
      feedPackets({ fps: 30, seconds: 30, start: START, jitter: 10, isMissing }),
    );
    expect(placesOf(mapped)).toMatchObject({ lost: 0, repeated: 37 });
  });

  test.each([
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ])('by a step of its clock %s is mapped anew from its arrival', (_name, step) => {
    const shift = (seconds: number): number => (seconds < 15 ? 0 : step);
    const { mapped, map } = mapFeed(
      '30',
      feedPackets({ fps: 30, seconds: 30, start: START, shift, sound: 48_000 }),
    );
    expect(map.steps).toBe(1);
    const { lost, repeated, shown } = placesOf(mapped);
    expect(lost + repeated).toBeLessThanOrEqual(2);
    expect(shown.length).toBeGreaterThan(895);
    const last = mapped.findLast((item) => item.kind === 'video');
    const arrived = placeOfTime(gridOf('30'), milliseconds(last?.packet.arrival ?? 0));
    expect(Math.abs(arrived - (shown.at(-1) ?? 0))).toBeLessThan(3);
  });

  test('by stalling for good is mapped anew, by a stall that catches up is not', () => {
    const stall = (seconds: number): number => (seconds > 10 ? 8000 : 0);
    const forGood = mapFeed(
      '30',
      feedPackets({ fps: 30, seconds: 40, start: START, delay: stall }),
    );
    expect(forGood.map.steps).toBe(1);
    const caughtUp = (seconds: number): number =>
      seconds > 10 && seconds < 18 ? (18 - seconds) * 1000 : 0;
    const burst = mapFeed(
      '30',
      feedPackets({ fps: 30, seconds: 40, start: START, delay: caughtUp }),
    );
    expect(burst.map.steps).toBe(0);
    expect(placesOf(burst.mapped)).toMatchObject({ lost: 0, repeated: 0 });
  });

  test('faster than real time never runs away from the clock', () => {
    const delay = (seconds: number): number => -seconds * 900;
    const { mapped } = mapFeed('30', feedPackets({ fps: 30, seconds: 300, start: START, delay }));
    for (const item of mapped) {
      if (item.kind === 'video') {
        const arrived = placeOfTime(gridOf('30'), milliseconds(item.packet.arrival));
        expect(item.index - arrived).toBeLessThan(30 * 6);
      }
    }
  });
});

describe('a new session', () => {
  test('never has an index below the last of the session before', () => {
    const packets = feedPackets({ fps: 30, seconds: 10, start: START });
    const free = placesOf(mapFeed('30', packets).mapped).shown;
    const floor = (free[0] ?? 0) + 50;
    const { mapped } = mapFeed('30', packets, floor);
    const indices = mapped.flatMap((item) => (item.kind === 'video' ? [item.index] : []));
    expect(Math.min(...indices)).toBe(floor);
    expect(indices.filter((index) => index === floor)).toHaveLength(51);
    expect(indices.at(-1)).toBe(free.at(-1));
  });
});

describe('sound', () => {
  test.each([48_000, 44_100] as const)(
    'at %i Hz is one unbroken run within 2 ms of the picture',
    (sound) => {
      const shape = { fps: 30, seconds: 120, start: START, sound };
      const { mapped } = mapFeed('30', feedPackets(shape));
      const places = mapped.flatMap((item) => (item.kind === 'audio' ? [item] : []));
      expect(new Set(places.map(({ origin }) => origin)).size).toBe(1);
      expect(places.map(({ k }) => k)).toEqual(places.map((_, i) => i));
      const picture = mapped.find((item) => item.kind === 'video');
      const pictureTime = ((picture?.kind === 'video' ? picture.index : 0) * 1000) / 30;
      expect(Math.abs((places[0]?.position ?? 0) / 48 - pictureTime)).toBeLessThan(2);
    },
  );

  test('with 10 ms of jitter stays one run', () => {
    const shape: FeedShape = { fps: 30, seconds: 120, start: START, sound: 44_100, jitter: 10 };
    const { mapped } = mapFeed('30', feedPackets(shape));
    const origins = mapped.flatMap((item) => (item.kind === 'audio' ? [item.origin] : []));
    expect(new Set(origins).size).toBe(1);
  });
});
