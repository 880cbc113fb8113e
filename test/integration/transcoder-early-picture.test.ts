import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { ShownEntry } from '#common/contracts/early-task';
import type { VideoFrame } from '#common/contracts/frame';
import type { Profile } from '#common/contracts/channel';
import { divisionOf } from '#common/division';
import { firstFrame, gridOf } from '#common/grid';
import { readFragment } from '#common/mp4/read';
import { frameIndex, segmentNumber } from '#common/time';
import type { RenditionFragment, SegmentPictures } from '../../transcoder/early/picture-encoder.ts';
import { SegmentPicturesRun } from '../../transcoder/early/segment-pictures.ts';
import type { PlacedPicture } from '../../transcoder/early/picture-line.ts';
import { SessionPictures } from '../../transcoder/early/session-pictures.ts';
import { makeWholePictures } from '../../transcoder/early/whole-pictures.ts';
import { codedVideo } from '../helpers/coded-frames.ts';
import { processTree } from '../helpers/process-tree.ts';
import { makeVideo } from './made-clips.ts';
import { ENCODER, LADDER, SEGMENT, numbers, placesOf, stampsOf } from './transcoder-harness.ts';

const GRID = gridOf('30');
const N = segmentNumber(SEGMENT);
const FIRST = firstFrame(GRID, N);
const SIZE = { width: 320, height: 180 };

type Pictures = Extract<ShownEntry, { t: 'pictures' }>;

/** What the leader tells of frames `[from, to)` of a session all of whose frames are shown in their places. */
function told(frames: readonly VideoFrame[], from: number, to: number): Pictures {
  return {
    t: 'pictures',
    broadcast: N,
    from: frameIndex(from),
    to: frameIndex(to),
    decode: { session: 's', fromSeq: 0, fromChunk: segmentNumber(0) },
    shown: frames
      .filter(({ index }) => index >= from && index < to)
      .map(({ index, seq }) => ({ kind: 'frame', place: index, seq })),
  };
}

/** One segment under way. */
class Bench {
  readonly fragments: RenditionFragment[] = [];
  readonly pictures: SessionPictures;
  readonly run: SegmentPicturesRun;
  readonly #abort = new AbortController();
  #wake = (): void => undefined;

  constructor(
    profile: Profile,
    opening: PlacedPicture,
    { size, renditions }: Pick<SegmentPictures, 'size' | 'renditions'> = {
      size: SIZE,
      renditions: LADDER,
    },
  ) {
    this.pictures = new SessionPictures({
      encoder: ENCODER,
      size,
      signal: this.#abort.signal,
      onChange: () => {
        this.run.advance();
        this.pictures.forgetBefore(this.run.wantedFrom('s', this.pictures));
      },
    });
    this.run = new SegmentPicturesRun({ grid: GRID, profile, n: N, renditions, size }, opening, {
      encoder: ENCODER,
      signal: this.#abort.signal,
      find: (source) =>
        source.kind === 'frame' ? this.pictures.find(source.seq) : { state: 'lost' },
      onFragment: (fragment) => {
        this.fragments.push(fragment);
        this.#wake();
      },
      onTaken: () => {
        this.pictures.forgetBefore(this.run.wantedFrom('s', this.pictures));
      },
    });
  }

  /** Resolves when every rendition has given out so many fragments. */
  async hasFragments(count: number): Promise<void> {
    while (this.fragments.length < count * LADDER.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when a rendition has given out all its fragments. */
  async isWhole(id: string): Promise<void> {
    await this.has(id, divisionOf(GRID, 'low').fragments);
  }

  /** Resolves when a rendition has given out so many fragments. */
  async has(id: string, count: number): Promise<void> {
    while (this.fragments.filter(({ rendition }) => rendition === id).length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Nobody wants it any more. */
  drop(): void {
    this.#abort.abort();
  }

  /** Ends the decoder, and waits for the segment. */
  async finish(): Promise<Buffer> {
    const preview = await this.run.finished();
    await this.pictures.close();
    return preview ?? Buffer.alloc(0);
  }

  /** A rendition's segment. */
  segment(rendition: string): Buffer {
    return Buffer.concat(
      this.fragments.filter((made) => made.rendition === rendition).map(({ bytes }) => bytes),
    );
  }
}

/** A small rendition and one so large that it has an encoder of its own. */
function smallAndLarge() {
  const [small] = LADDER.toReversed();
  if (small === undefined) {
    throw new Error('no rendition');
  }
  const large = { ...small, id: 'v720', width: 1280, height: 720, preset: 'medium' } as const;
  return {
    small,
    large,
    ladder: { size: { width: 1280, height: 720 }, renditions: [large, small] },
  };
}

const openingOf = (frames: readonly VideoFrame[]): PlacedPicture => ({
  kind: 'frame',
  session: 's',
  place: frames[0]?.index ?? FIRST,
  seq: frames[0]?.seq ?? 0,
});

describe("a session's pictures", () => {
  test('are not to be had of places that nobody asked for any more when they were fed, though they are not decoded yet', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const frames = codedVideo(file, FIRST - 40);
    const pictures = new SessionPictures({
      encoder: ENCODER,
      size: SIZE,
      signal: new AbortController().signal,
      onChange: () => undefined,
    });
    for (const frame of frames) {
      pictures.feed(frame);
    }
    pictures.forgetBefore(FIRST);
    const mayHave = (index: number): boolean =>
      pictures.mayHave(frames.find((frame) => frame.index === index)?.seq ?? -1);
    expect([FIRST - 1, FIRST, FIRST + 20].map(mayHave)).toEqual([false, true, true]);
    await pictures.close();
  });
});

describe('the pictures of a segment made on time', () => {
  test('are a fragment for every frame, out before the next frame has come', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const frames = codedVideo(file, FIRST - 40);
    const bench = new Bench('instant', openingOf(frames));
    let given = 0;
    for (const frame of frames.slice(0, 40 + GRID.segmentFrames)) {
      bench.pictures.feed(frame);
      bench.run.tell(told(frames, frame.index, frame.index + 1));
      if (frame.index >= FIRST) {
        given += 1;
        await bench.hasFragments(given);
      }
    }
    const preview = await bench.finish();
    expect(preview.readUInt16BE(0)).toBe(0xffd8);
    for (const { id } of LADDER) {
      expect(placesOf(GRID, bench.segment(id))).toEqual(numbers(FIRST, GRID.segmentFrames));
    }
    const [rendition] = LADDER;
    if (rendition !== undefined) {
      const made = {
        rendition: rendition.id,
        init:
          bench.fragments.find((item) => item.rendition === rendition.id)?.init ?? Buffer.alloc(0),
        data: bench.segment(rendition.id),
        frames: GRID.segmentFrames,
        first: 0,
        end: 0,
      };
      expect(await stampsOf([made], rendition)).toEqual(numbers(40, GRID.segmentFrames));
    }
  });

  test('are the same bytes when all of it was there from the beginning', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const frames = codedVideo(file, FIRST - 40);
    const slowly = new Bench('instant', openingOf(frames));
    const atOnce = new Bench('instant', openingOf(frames));
    for (const frame of frames) {
      atOnce.pictures.feed(frame);
      slowly.pictures.feed(frame);
      slowly.run.tell(told(frames, frame.index, frame.index + 1));
    }
    atOnce.run.tell(told(frames, frames[0]?.index ?? 0, FIRST + GRID.segmentFrames));
    await Promise.all([slowly.finish(), atOnce.finish()]);
    for (const { id } of LADDER) {
      expect(atOnce.segment(id).equals(slowly.segment(id))).toBe(true);
    }
  });

  test('do not wait for the largest of them, whose encoder stands still', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const frames = codedVideo(file, FIRST - 40);
    const { small, large, ladder } = smallAndLarge();
    const bench = new Bench('low', openingOf(frames), ladder);
    const standing = processTree(process.pid).filter(({ pid }) =>
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('[v720]'),
    );
    expect(standing).toHaveLength(1);
    for (const { pid } of standing) {
      process.kill(pid, 'SIGSTOP');
    }
    for (const frame of frames) {
      bench.pictures.feed(frame);
    }
    bench.run.tell(told(frames, frames[0]?.index ?? 0, FIRST + GRID.segmentFrames));
    await bench.isWhole(small.id);
    expect(bench.segment(large.id)).toHaveLength(0);
    for (const { pid } of standing) {
      process.kill(pid, 'SIGCONT');
    }
    await bench.finish();
    for (const { id } of ladder.renditions) {
      expect(placesOf(GRID, bench.segment(id))).toEqual(numbers(FIRST, GRID.segmentFrames));
    }
  });

  test('go on without the largest when that is left off in the middle, with the same bytes as with it', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const frames = codedVideo(file, FIRST - 40);
    const { small, large, ladder } = smallAndLarge();
    const [whole, left] = [1, 2].map(() => new Bench('low', openingOf(frames), ladder));
    if (whole === undefined || left === undefined) {
      throw new Error('no benches');
    }
    for (const frame of frames) {
      whole.pictures.feed(frame);
      left.pictures.feed(frame);
    }
    const opens = frames[0]?.index ?? 0;
    const middle = FIRST + GRID.segmentFrames / 2;
    left.run.tell(told(frames, opens, middle));
    await left.has(large.id, 3);
    left.run.leaveOff([large.id]);
    left.run.tell(told(frames, middle, FIRST + GRID.segmentFrames));
    whole.run.tell(told(frames, opens, FIRST + GRID.segmentFrames));
    expect(await left.run.finished()).toBeUndefined();
    await left.run.ended();
    await Promise.all([left.pictures.close(), whole.finish()]);
    expect(left.segment(small.id).equals(whole.segment(small.id))).toBe(true);
    const rest = left.segment(large.id);
    expect(rest.byteLength).toBeLessThan(whole.segment(large.id).byteLength);
    expect(whole.segment(large.id).subarray(0, rest.byteLength).equals(rest)).toBe(true);
  });

  test('repeat the last one in a hole, before the segment too', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const all = codedVideo(file, FIRST - 40);
    const missing = new Set([...numbers(FIRST - 3, 6), ...numbers(FIRST + 20, 10)]);
    const frames = all.filter(({ index }) => !missing.has(index));
    const bench = new Bench('low', openingOf(all));
    // Of what is missing only the showing is left out: the rest still refers to it.
    for (const frame of all) {
      bench.pictures.feed(frame);
    }
    bench.run.tell(told(frames, all[0]?.index ?? 0, FIRST + GRID.segmentFrames));
    await bench.finish();
    const [rendition] = LADDER;
    const { fragments } = divisionOf(GRID, 'low');
    expect(bench.fragments.length).toBe(fragments * LADDER.length);
    if (rendition !== undefined) {
      const data = bench.segment(rendition.id);
      const own = bench.fragments.find((made) => made.rendition === rendition.id);
      const init = own?.init ?? Buffer.alloc(0);
      expect(readFragment(data).fragments).toBe(fragments);
      const made = { rendition: rendition.id, init, data, frames: 60, first: 0, end: 0 };
      const expected = numbers(40, GRID.segmentFrames).map((stamp) => {
        const place = stamp - 40;
        return place < 3 ? 36 : place >= 20 && place < 30 ? 59 : stamp;
      });
      expect(await stampsOf([made], rendition)).toEqual(expected);
    }
  });

  test('show one that comes after its place was over, as told', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const frames = codedVideo(file, FIRST - 40);
    const bench = new Bench('instant', openingOf(frames));
    const feed = (from: number, to: number): void => {
      for (const frame of frames.filter(({ index }) => index >= from && index < to)) {
        bench.pictures.feed(frame);
      }
    };
    feed(0, FIRST + 5);
    bench.run.tell(told(frames, frames[0]?.index ?? 0, FIRST + 5));
    bench.run.tell({ ...told(frames, FIRST + 5, FIRST + 12), shown: [] });
    // The places up to the twelfth are out, with the picture of the fifth, when those meant for them come.
    await bench.hasFragments(12);
    const late = frames.find(({ index }) => index === FIRST + 10)?.seq ?? 0;
    const entry = told(frames, FIRST + 12, FIRST + GRID.segmentFrames);
    const place = frameIndex(FIRST + 12);
    bench.run.tell({
      ...entry,
      shown: [{ kind: 'frame', place, seq: late }, ...entry.shown.slice(3)],
    });
    feed(FIRST + 5, FIRST + GRID.segmentFrames);
    await bench.finish();
    const [rendition] = LADDER;
    if (rendition !== undefined) {
      const { id } = rendition;
      const init = bench.fragments.find((made) => made.rendition === id)?.init ?? Buffer.alloc(0);
      const made = { rendition: id, init, data: bench.segment(id), frames: 60, first: 0, end: 0 };
      const expected = numbers(40, GRID.segmentFrames).map((stamp) => {
        const at = stamp - 40;
        return at < 5 ? stamp : at < 12 ? 44 : at < 15 ? 50 : stamp;
      });
      expect(await stampsOf([made], rendition)).toEqual(expected);
    }
  });

  test('that are dropped while frames wait for the encoder fail, and nothing else does', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const frames = codedVideo(file, FIRST - 40);
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => {
      unhandled.push(reason);
    };
    process.on('unhandledRejection', note);
    try {
      const bench = new Bench('instant', openingOf(frames));
      bench.run.tell(told(frames, frames[0]?.index ?? 0, FIRST + GRID.segmentFrames));
      frames.forEach((frame) => {
        bench.pictures.feed(frame);
      });
      await bench.hasFragments(1);
      bench.drop();
      await expect(bench.finish()).rejects.toMatchObject({ code: 'ABORTED' });
      await bench.run.ended();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });

  test('are all made where more are decoded than may be kept while the encoder takes none', async () => {
    const grid = gridOf('60');
    const size = { width: 64, height: 36 };
    const first = firstFrame(grid, N);
    const file = await makeVideo(grid.segmentFrames, 'keyint=250:bframes=0', size);
    const frames = codedVideo(file, first);
    const made: RenditionFragment[] = [];
    const [rendition] = LADDER;
    if (rendition === undefined) {
      throw new Error('no rendition');
    }
    const large = { ...rendition, id: 'v720', width: 1280, height: 720, preset: 'fast' } as const;
    await makeWholePictures(
      { grid, profile: 'low', n: N, renditions: [large], size: { width: 1280, height: 720 } },
      [{ kind: 'session', from: first, to: first + grid.segmentFrames, late: [], frames }],
      {
        encoder: ENCODER,
        signal: new AbortController().signal,
        slate: () => Promise.reject(new Error('no slate is shown')),
        onFragment: (fragment) => {
          made.push(fragment);
        },
      },
    );
    expect(made).toHaveLength(divisionOf(grid, 'low').fragments);
  });

  test('begin with one from long before, made when all is over', async () => {
    const file = await makeVideo(110, 'keyint=250:bframes=0');
    const all = codedVideo(file, FIRST - 60);
    const frames = all.filter(({ index }) => index < FIRST - 20 || index >= FIRST + 30);
    const made: RenditionFragment[] = [];
    await makeWholePictures(
      { grid: GRID, profile: 'low', n: N, renditions: LADDER, size: SIZE },
      [{ kind: 'session', from: FIRST, to: FIRST + 30, late: [], frames: frames.slice(0, 40) }],
      {
        encoder: ENCODER,
        signal: new AbortController().signal,
        slate: () => Promise.reject(new Error('no slate is shown')),
        onFragment: (fragment) => {
          made.push(fragment);
        },
      },
    );
    const { fragments } = divisionOf(GRID, 'low');
    expect(made.length).toBe(fragments * LADDER.length);
  });
});
