import { describe, expect, test } from '@jest/globals';
import { FRAME_FLAGS, type IngestEntry } from '#common/contracts/log';
import type { Task } from '#common/contracts/task';
import { aacFramesOf, gridOf } from '#common/grid';
import { frameIndex, samplePosition, segmentNumber } from '#common/time';
import { canonicalJson } from '../../../scheduler/plan/canonical-json.ts';
import { fold } from '../../../scheduler/plan/fold.ts';
import { planFiller, planSegment } from '../../../scheduler/plan/plan.ts';
import { emptyChannel, nextSegment } from '../../../scheduler/plan/state.ts';
import { EPOCH, SimulatedLog } from './simulated-feed.ts';

const grid = gridOf('30');
const N = Math.ceil(EPOCH / 2000) + 1000;
const BEGIN = N * 2000;
const FIRST = N * 60;

type Frame = readonly [seq: number, offset: number, kind?: 'idr' | 'start'];

/** Pictures by their offset from the first frame of segment {@link N}, in decode order, one entry each. */
const pictures = (frames: readonly Frame[]): IngestEntry[] =>
  frames.map(([seq, offset, kind]) => {
    const idr = kind === 'idr' ? FRAME_FLAGS.idr : 0;
    const flags = kind === undefined ? 0 : FRAME_FLAGS.start | idr;
    const row = {
      seq,
      index: frameIndex(FIRST + offset),
      chunk: segmentNumber(N),
      bytes: 9,
      flags,
    };
    return { t: 'frames', session: 's1', v: [row], a: [] };
  });

const aac = (seq: number, origin: number, k: number, rate = 48_000): IngestEntry => ({
  t: 'frames',
  session: 's1',
  v: [],
  a: [
    {
      seq,
      origin: samplePosition(origin),
      k,
      rate,
      channels: 2,
      chunk: segmentNumber(N),
      bytes: 9,
    },
  ],
});

const SESSION: IngestEntry = {
  t: 'session',
  session: 's1',
  slot: 'primary',
  fps: '30',
  at: BEGIN,
  video: { width: 640, height: 360 },
  audio: null,
};

/** A log of `before`, the marks that put it on air, and `after`; then led until `now`. */
function planned(
  entries: readonly IngestEntry[],
  now: number,
): { log: SimulatedLog; tasks: Task[] } {
  const log = new SimulatedLog();
  log.append(SESSION, ...entries);
  log.lead(now);
  return { log, tasks: tasksOf(log) };
}

function tasksOf(log: SimulatedLog): Task[] {
  const state = emptyChannel();
  const tasks: Task[] = [];
  for (const entry of log.entries) {
    const n = state.air === null ? undefined : nextSegment(state.air);
    fold(state, entry);
    if (n !== undefined && state.air !== null && nextSegment(state.air) > n) {
      tasks.push(planSegment('final', state, n));
    }
  }
  return tasks;
}

const steady = (from: number, to: number, seq = 0): Frame[] =>
  Array.from({ length: to - from }, (_, i) => [seq + i, from + i]);

describe('pictures', () => {
  test('are decoded from the last start point at or before the segment', () => {
    const frames: Frame[] = [
      [0, -90, 'idr'],
      ...steady(-89, -30, 1),
      [60, -30, 'start'],
      ...steady(-29, 61, 61),
    ];
    const { tasks } = planned(pictures(frames), BEGIN + 2_000);
    expect(tasks.find(({ n }) => n === N)?.video).toEqual([
      {
        kind: 'session',
        session: 's1',
        fromSeq: 60,
        toSeq: 149,
        fromChunk: N,
        toChunk: N,
        from: FIRST,
        to: FIRST + 60,
        late: [],
      },
    ]);
  });

  test('include, in decode order, what those at the end refer to', () => {
    const frames: Frame[] = [
      [0, -1, 'idr'],
      ...steady(0, 59, 1),
      [60, 62],
      [61, 60],
      [62, 59],
      [63, 61],
    ];
    const { tasks } = planned(pictures(frames), BEGIN + 2_000);
    expect(tasks[0]?.video).toMatchObject([{ fromSeq: 0, toSeq: 62 }]);
  });

  describe('of two fields', () => {
    /** One every second place from `from` on, keyframes at these offsets, in decode order. */
    const fields = (from: number, to: number, keys: readonly number[]): IngestEntry[] =>
      pictures(
        Array.from({ length: Math.ceil((to - from) / 2) }, (_, i): Frame => {
          const offset = from + 2 * i;
          return keys.includes(offset) ? [i, offset, 'idr'] : [i, offset];
        }),
      ).map((entry) =>
        entry.t === 'frames'
          ? {
              ...entry,
              v: entry.v.map((row) => ({ ...row, flags: row.flags | FRAME_FLAGS.fields })),
            }
          : entry,
      );

    test('come with the one before them and the one after', () => {
      // Decoding can start at the segment itself, but the picture before is of the keyframe before.
      const { tasks } = planned(fields(-60, 70, [-60, -30, 0, 30, 60]), BEGIN + 2_000);
      const span = tasks.find(({ n }) => n === N)?.video[0];
      expect(span).toMatchObject({ from: FIRST, to: FIRST + 60, fromSeq: 15, toSeq: 60 });
    });

    test('at odd places begin with the one whose second field is the segment’s first picture', () => {
      const { tasks } = planned(fields(-61, 70, [-61, -31, -1, 29]), BEGIN + 2_000);
      const span = tasks.find(({ n }) => n === N)?.video[0];
      expect(span).toMatchObject({ from: FIRST - 1, fromSeq: 15, toSeq: 61 });
    });

    test('before a hold come without what follows: later segments cannot know it', () => {
      const { tasks } = planned(fields(-60, 50, [-60, 0]), BEGIN + 12_000);
      const [span] = tasks.find(({ n }) => n === N)?.video ?? [];
      expect(span).toMatchObject({ kind: 'session', toSeq: 54 });
      const [held] = tasks.find(({ n }) => n === N + 1)?.video ?? [];
      expect(held).toMatchObject({ kind: 'session', from: FIRST + 48, toSeq: 54 });
    });
  });

  test('begin with the one that a hole at the segment’s beginning repeats', () => {
    const frames: Frame[] = [[0, -3, 'idr'], [1, -2], [2, 4], ...steady(5, 61, 3)];
    const { tasks } = planned(pictures(frames), BEGIN + 2_000);
    expect(tasks[0]?.video).toMatchObject([{ fromSeq: 0, from: FIRST - 2, to: FIRST + 60 }]);
  });

  test('that come after their place was closed are decoded and never shown', () => {
    const { log } = planned(pictures([[0, -1, 'idr'], ...steady(0, 20, 1)]), BEGIN + 5_000);
    log.append(...pictures([...steady(20, 60, 21), ...steady(61, 125, 61)]));
    log.lead(BEGIN + 6_100);
    const [held, next] = tasksOf(log);
    expect(held?.video).toMatchObject([{ fromSeq: 0, toSeq: 20, from: FIRST, to: FIRST + 20 }]);
    expect(next?.video).toMatchObject([
      { kind: 'session', toSeq: 20, from: FIRST + 19, to: FIRST + 20 },
      { kind: 'session', fromSeq: 0, from: FIRST + 61, late: [] },
    ]);
  });

  test('are held alone in a segment that has none, then give way to the slate', () => {
    const { tasks } = planned(pictures([[0, -1, 'idr'], ...steady(0, 60, 1)]), BEGIN + 8_500);
    expect(tasks[1]?.video).toEqual([
      {
        kind: 'session',
        session: 's1',
        fromSeq: 0,
        toSeq: 60,
        fromChunk: N,
        toChunk: N,
        from: FIRST + 59,
        to: FIRST + 60,
        late: [],
      },
    ]);
    expect(tasks[2]?.video).toEqual([{ kind: 'slate', from: FIRST + 120 }]);
  });

  test('that lead the first start point, or lie 20 s behind the last one, are not shown', () => {
    const leading: Frame[] = [[0, 2, 'start'], [1, 0], [2, 1], ...steady(3, 650, 3)];
    const { tasks } = planned(pictures(leading), BEGIN + 24_000);
    expect(tasks[0]?.n).toBe(N + 1);
    expect(tasks[0]?.video).toMatchObject([{ kind: 'session', fromSeq: 0, from: FIRST + 60 }]);
    const ten = tasks.find(({ n }) => n === N + 9);
    expect(ten?.video).toMatchObject([{ kind: 'session', fromSeq: 0 }]);
  });

  test('without a start point in 20 s are replaced by the slate', () => {
    const { tasks } = planned(pictures([[0, -1, 'idr'], ...steady(0, 790, 1)]), BEGIN + 26_400);
    expect(tasks.find(({ n }) => n === N + 9)?.video[0]?.kind).toBe('session');
    expect(tasks.find(({ n }) => n === N + 11)?.video).toEqual([
      { kind: 'slate', from: FIRST + 11 * 60 },
    ]);
  });
});

describe('sound', () => {
  const { first, end } = aacFramesOf(grid, segmentNumber(N));
  const video = pictures([[0, -1, 'idr'], ...steady(0, 70, 1)]);
  const origin = 1024 * (first - 20) - 100;

  test('is one run with three frames of context and of lead', () => {
    const frames = Array.from({ length: 140 }, (_, k) => aac(1_000 + k, origin, k));
    const { tasks } = planned([...frames, ...video], BEGIN + 2_200);
    expect(tasks[0]?.sound).toEqual([
      {
        session: 's1',
        fromSeq: 1_014,
        toSeq: 1_000 + 20 + (end - first) + 4,
        fromChunk: N,
        toChunk: N,
        origin,
        rate: 48_000,
        channels: 2,
        firstK: 14,
        lastK: 20 + (end - first) + 4,
        from: 1024 * (first - 3),
        to: 1024 * (end + 3),
      },
    ]);
  });

  test('at another rate begins four frames earlier', () => {
    const frames = Array.from({ length: 140 }, (_, k) => aac(1_000 + k, origin, k, 44_100));
    const { tasks } = planned([...frames, ...video], BEGIN + 2_200);
    const [span] = tasks[0]?.sound ?? [];
    const covering = Math.floor(((1024 * (first - 3) - origin) * 44_100) / (48_000 * 1024));
    expect(span).toMatchObject({ firstK: covering - 7, from: 1024 * (first - 3) });
  });

  test('is split where a frame is missing', () => {
    const frames = Array.from({ length: 140 }, (_, k) => aac(1_000 + k, origin, k));
    const { tasks } = planned([...frames.toSpliced(60, 1), ...video], BEGIN + 2_200);
    expect(tasks[0]?.sound).toMatchObject([
      { lastK: 59, to: origin + 1024 * 60 },
      { firstK: 61, from: origin + 1024 * 61 },
    ]);
  });

  test('that comes after its place was closed is silence', () => {
    const early = Array.from({ length: 60 }, (_, k) => aac(1_000 + k, origin, k));
    const { log } = planned([...early, ...video], BEGIN + 4_300);
    const rest = Array.from({ length: 180 }, (_, i) => aac(1_060 + i, origin, 60 + i));
    log.append(...rest, ...pictures(steady(70, 130, 71)));
    log.lead(BEGIN + 4_400);
    const [now, next] = tasksOf(log);
    expect(now?.sound).toMatchObject([{ lastK: 59 }]);
    const [span] = next?.sound ?? [];
    expect(span?.from).toBeGreaterThanOrEqual(1024 * (end + 4));
    expect(span?.from).toBeLessThan(1024 * (end + 6));
  });
});

describe('a task', () => {
  test('is named by what decides its bytes, and by nothing else', () => {
    const frames = pictures([[0, -1, 'idr'], ...steady(0, 61, 1)]);
    const [task] = planned(frames, BEGIN + 2_000).tasks;
    const [other] = planned(pictures([[0, -2, 'idr'], ...steady(0, 61, 1)]), BEGIN + 2_000).tasks;
    expect(task?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(task?.hash).toBe(other?.hash);
    const [moved] = planned(pictures([[3, -1, 'idr'], ...steady(0, 61, 4)]), BEGIN + 2_000).tasks;
    expect(moved?.hash).not.toBe(task?.hash);
  });

  test('has a filler that needs no source', () => {
    const [task] = planned(pictures([[0, -1, 'idr'], ...steady(0, 61, 1)]), BEGIN + 2_000).tasks;
    const filler = task && planFiller(task);
    expect(filler).toMatchObject({ n: N, video: [{ kind: 'slate', from: FIRST }], sound: [] });
    expect(filler?.hash).not.toBe(task?.hash);
  });

  test('has one canonical form, whatever the order of its fields', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'é"' }], a: true, e: undefined })).toBe(
      '{"a":true,"b":[1,{"c":"é\\"","d":null}]}',
    );
  });
});
