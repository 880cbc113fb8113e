import { describe, expect, test } from '@jest/globals';
import type { VideoFrame } from '#common/contracts/frame';
import { FRAME_FLAGS } from '#common/contracts/log';
import { FPS_NAMES, gridOf } from '#common/grid';
import { frameIndex } from '#common/time';
import { FIRST_PLACE, planPictures, type PictureSource } from '../../../transcoder/picture-plan.ts';

const grid = gridOf('30');
const first = frameIndex(60 * 897_500_000);
const TICKS = 4_096;

/** A sample of one slice; `name` is its second byte, so that it can be told apart. */
const sample = (name: number, isReference = true, type = 1): Uint8Array =>
  Uint8Array.of(0, 0, 0, 2, (isReference ? 0x60 : 0) | type, name);

interface Draft {
  readonly at: number;
  readonly start?: boolean;
  readonly idr?: boolean;
  readonly disposable?: boolean;
}

const frames = (drafts: readonly Draft[]): VideoFrame[] =>
  drafts.map(({ at, start, idr, disposable }, seq) => ({
    kind: 'video',
    seq,
    index: frameIndex(first + at),
    dts: seq,
    flags: (start || idr ? FRAME_FLAGS.start : 0) | (idr ? FRAME_FLAGS.idr : 0),
    data: sample(seq, disposable !== true, idr === true ? 5 : 1),
  }));

const session = (
  drafts: readonly Draft[],
  more: { from?: number; to?: number; late?: number[] } = {},
): PictureSource => ({
  kind: 'session',
  from: first + (more.from ?? 0),
  to: first + (more.to ?? 60),
  late: more.late ?? [],
  frames: frames(drafts),
});

/** `[name, place]` of each picture in decode order; the place counts from the segment's first frame. */
const planned = (sources: readonly PictureSource[]): [number, number][] =>
  planPictures(grid, first, sources).pictures.map(({ data, pts }) => [
    data.at(-1) ?? -1,
    pts / TICKS - FIRST_PLACE,
  ]);

describe('the plan of pictures', () => {
  test('puts shown pictures exactly into their places and keeps decode order', () => {
    const drafts = [{ at: 0, idr: true }, { at: 3 }, { at: 1 }, { at: 2 }];
    expect(planned([session(drafts)])).toEqual([
      [0, 0],
      [1, 3],
      [2, 1],
      [3, 2],
    ]);
  });

  test('puts what is only decoded just before the next shown picture, each at its own time', () => {
    const [a = [], b = [], c = []] = planned([
      session([{ at: -2, idr: true }, { at: -1 }, { at: 0 }]),
    ]);
    expect([a[1], b[1], c[1]]).toEqual([-2 / TICKS, -1 / TICKS, 0]);
  });

  test('leaves out pictures that are neither shown nor referred to, and all after the last shown', () => {
    const drafts = [
      { at: -3, idr: true },
      { at: -2, disposable: true },
      { at: -1 },
      { at: 0, disposable: true },
      { at: 60 },
      { at: 61 },
    ];
    expect(planned([session(drafts)]).map(([name]) => name)).toEqual([0, 2, 3]);
  });

  test('leaves out leading pictures of a start that is no IDR', () => {
    const drafts = [{ at: 2, start: true }, { at: 0 }, { at: 1 }, { at: 3 }];
    expect(planned([session(drafts)]).map(([name]) => name)).toEqual([0, 3]);
  });

  test('opens a segment that begins with a hole with the picture before it', () => {
    const drafts = [{ at: -9, idr: true }, { at: -5, disposable: true }, { at: 4 }];
    expect(planned([session(drafts)])).toEqual([
      [0, -1 / TICKS],
      [1, 0],
      [2, 4],
    ]);
  });

  test('does not open with a picture that the span does not cover', () => {
    const drafts = [{ at: -90, idr: true }, { at: -80 }];
    const held = session(drafts, { from: -90, to: -89 });
    expect(planned([held])).toEqual([[0, 0]]);
  });

  test('keeps what is only decoded after a held picture out of the segment', () => {
    const drafts = [{ at: -90, idr: true }, { at: -70 }, { at: -80 }];
    const [, after, held] = planned([session(drafts, { from: -80, to: -70 })]);
    expect(held).toEqual([2, 0]);
    expect(after?.[1]).toBeGreaterThan(60);
  });

  test('does not show late pictures, also not into a hole', () => {
    const drafts = [{ at: 0, idr: true }, { at: 1 }, { at: 2 }, { at: 5 }];
    const places = planned([session(drafts, { late: [1, 2] })]).map(([, place]) => place);
    expect(places).toEqual([0, 5 - 2 / TICKS, 5 - 1 / TICKS, 5]);
  });

  test('gives a place that two sources claim to the later source', () => {
    const slate: PictureSource = { kind: 'slate', from: first + 10, data: sample(99, true, 5) };
    const after = session([{ at: 8, idr: true }, { at: 20 }], { from: 8 });
    const plan = planned([session([{ at: 0, idr: true }]), slate, after]);
    expect(plan).toEqual([
      [0, 0],
      [99, 8 - 1 / TICKS],
      [0, 8],
      [1, 20],
    ]);
  });

  test('makes times that rise strictly in presentation order, at every rate', () => {
    for (const fps of FPS_NAMES) {
      const of = gridOf(fps);
      const begin = frameIndex(of.segmentFrames * 1_000);
      const drafts = Array.from({ length: 1_200 }, (_, i) => ({
        ...frames([{ at: 0, idr: i === 0 }]).at(0),
        seq: i,
        index: frameIndex(begin - 1_199 + i),
      })) as VideoFrame[];
      const source: PictureSource = {
        kind: 'session',
        from: begin,
        to: begin + of.segmentFrames,
        late: [],
        frames: drafts,
      };
      const plan = planPictures(of, begin, [source]);
      const times = plan.pictures.map(({ pts }) => pts);
      expect(times.every((time, i) => time > (times[i - 1] ?? -1))).toBe(true);
      expect((times.at(-1) ?? 0) / plan.timescale).toBeCloseTo((FIRST_PLACE * of.den) / of.num, 9);
      expect(Math.max(...times)).toBeLessThan(2 ** 31);
    }
  });

  test('is an error when nothing can be shown', () => {
    expect(() => planned([session([{ at: 0 }])])).toThrow('no picture to show');
  });
});
