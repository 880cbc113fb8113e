import { describe, expect, test } from '@jest/globals';
import type { ShownEntry, ShownSound } from '#common/contracts/early-task';
import type { AudioFrame } from '#common/contracts/frame';
import type { AudioRendition } from '#common/contracts/rendition';
import { aacFramesOf, gridOf } from '#common/grid';
import { readFragment } from '#common/mp4/read';
import { divisionOf } from '#common/division';
import { samplePosition, segmentNumber } from '#common/time';
import type { RenditionFragment } from '../../transcoder/early/picture-encoder.ts';
import { SegmentSoundRun } from '../../transcoder/early/segment-sound.ts';
import { transcode } from '../../transcoder/transcode.ts';
import { codedAudio } from '../helpers/coded-frames.ts';
import { tone } from '../helpers/sound.ts';
import { makeSoundFile } from './made-clips.ts';
import { ENCODER, SEGMENT, runSource } from './transcoder-harness.ts';

const GRID = gridOf('30');
const N = segmentNumber(SEGMENT);
const { first, end } = aacFramesOf(GRID, N);
const RENDITION: AudioRendition = {
  kind: 'audio',
  id: 'a96',
  bitrateBps: 96_000,
  codecs: 'mp4a.40.2',
};
/** Where the run begins: a second before the segment. */
const ORIGIN = samplePosition(1024 * (first - 47));

type Sound = Extract<ShownEntry, { t: 'sound' }>;

const startOf = ({ origin, k, rate }: AudioFrame): number =>
  origin + Math.floor((k * 1024 * 48_000) / rate);

/** What the leader tells when frames `[0, upTo)` of the run have come and `[0, before)` were told already. */
function told(frames: readonly AudioFrame[], before: number, upTo: number, session = 's'): Sound {
  const [head] = frames;
  const next = frames[upTo];
  const from = startOf(frames[before] ?? frames[0] ?? never());
  const to = next === undefined ? startOf(frames[upTo - 1] ?? never()) : startOf(next);
  const span: ShownSound = {
    session,
    origin: head?.origin ?? ORIGIN,
    rate: head?.rate ?? 48_000,
    channels: 2,
    firstK: Math.max(0, before - 7),
    lastK: upTo - 1,
    fromSeq: 0,
    fromChunk: segmentNumber(0),
    from: samplePosition(from),
    to: samplePosition(to),
  };
  return { t: 'sound', broadcast: N, from: span.from, to: span.to, spans: [span] };
}

function never(): never {
  throw new Error('no such frame');
}

/** A segment's sound under way. */
function begin(
  frames: readonly AudioFrame[],
  others: readonly AudioFrame[] = [],
): {
  readonly run: SegmentSoundRun;
  readonly fragments: RenditionFragment[];
  readonly stop: AbortController;
} {
  const fragments: RenditionFragment[] = [];
  const stop = new AbortController();
  const run = new SegmentSoundRun(
    { grid: GRID, profile: 'instant', n: N, rendition: RENDITION },
    {
      encoder: ENCODER,
      signal: stop.signal,
      frameOf: (session, _origin, k) => (session === 's' ? frames : others)[k],
      onFragment: (fragment) => {
        fragments.push(fragment);
      },
    },
  );
  return { run, fragments, stop };
}

/** The coded frames alone, without the boxes around them. */
function payloadOf(media: Buffer): Buffer {
  const payloads: Buffer[] = [];
  for (let at = 0; at < media.byteLength; at += media.readUInt32BE(at)) {
    if (media.toString('latin1', at + 4, at + 8) === 'mdat') {
      payloads.push(media.subarray(at + 8, at + media.readUInt32BE(at)));
    }
  }
  return Buffer.concat(payloads);
}

const bytesOf = (fragments: readonly RenditionFragment[]): Buffer =>
  Buffer.concat(fragments.map(({ bytes }) => bytes));

describe.each([48_000, 44_100])('the sound of a segment made on time, from %i Hz', (rate) => {
  test('is as many fragments as its pictures, the same bytes however it comes', async () => {
    const file = await makeSoundFile(tone(rate), rate, 2, 5);
    const frames = codedAudio(file, ORIGIN);
    const slow = begin(frames);
    for (let k = 0; k + 1 < frames.length; k += 1) {
      slow.run.tell(told(frames, k, k + 1));
    }
    const fast = begin(frames);
    fast.run.tell(told(frames, 0, frames.length - 1));
    await Promise.all([slow.run.finished(), fast.run.finished()]);
    const bytes = bytesOf(slow.fragments);
    expect(bytes.equals(bytesOf(fast.fragments))).toBe(true);
    expect(slow.fragments.length).toBe(divisionOf(GRID, 'instant').fragments);
    const info = readFragment(bytes);
    expect(info.decodeTime).toBe(1024 * first);
    expect(info.sampleCount).toBe(end - first);
    const whole = await transcode(
      { n: N, fps: '30', renditions: [RENDITION] },
      { pictures: [], sounds: [runSource(GRID, N, frames)] },
      ENCODER,
    );
    expect(payloadOf(bytes).equals(payloadOf(whole.segments[0]?.data ?? Buffer.alloc(0)))).toBe(
      true,
    );
  });
});

describe('the sound of a segment whose run ends just before it', () => {
  /** Frames of the first run that are told: up to 0.2 s before the segment, where its decoder has been started. */
  const TOLD = 38;

  test('is that of the run that follows, the same bytes however it comes', async () => {
    const file = await makeSoundFile(tone(48_000), 48_000, 2, 5);
    const frames = codedAudio(file, ORIGIN);
    const others = codedAudio(file, samplePosition(ORIGIN + 1024 * TOLD));
    const slow = begin(frames, others);
    for (let k = 0; k < TOLD; k += 1) {
      slow.run.tell(told(frames, k, k + 1));
    }
    for (let k = 0; k + 1 < others.length; k += 1) {
      slow.run.tell(told(others, k, k + 1, 't'));
    }
    const fast = begin(frames, others);
    fast.run.tell(told(others, 0, others.length - 1, 't'));
    await Promise.all([slow.run.finished(), fast.run.finished()]);
    await slow.run.ended();
    expect(bytesOf(slow.fragments).equals(bytesOf(fast.fragments))).toBe(true);
    expect(slow.fragments.length).toBe(divisionOf(GRID, 'instant').fragments);
  });

  test('is silence where none does', async () => {
    const file = await makeSoundFile(tone(48_000), 48_000, 2, 5);
    const frames = codedAudio(file, ORIGIN);
    const silence = (from: number): Sound => ({
      t: 'sound',
      broadcast: N,
      from: samplePosition(from),
      to: samplePosition(1024 * (end + 12)),
      spans: [],
    });
    const slow = begin(frames);
    for (let k = 0; k < TOLD; k += 1) {
      slow.run.tell(told(frames, k, k + 1));
    }
    slow.run.tell(silence(startOf(frames[TOLD] ?? never())));
    const fast = begin(frames);
    fast.run.tell(silence(1024 * (first - 4)));
    await Promise.all([slow.run.finished(), fast.run.finished()]);
    await slow.run.ended();
    expect(bytesOf(slow.fragments).equals(bytesOf(fast.fragments))).toBe(true);
  });
});

describe('the sound of a segment that is dropped', () => {
  test.each([
    ['before anything was told', 0],
    ['with its processes waiting', 38],
    ['in the middle', 60],
  ])('%s ends, and says so', async (_when, count) => {
    const file = await makeSoundFile(tone(48_000), 48_000, 2, 5);
    const frames = codedAudio(file, ORIGIN);
    const { run, stop } = begin(frames);
    for (let k = 0; k < count; k += 1) {
      run.tell(told(frames, k, k + 1));
    }
    stop.abort();
    await expect(run.finished()).rejects.toMatchObject({ code: 'ABORTED' });
    await run.ended();
  });

  test('when it is finished is as it was', async () => {
    const file = await makeSoundFile(tone(48_000), 48_000, 2, 5);
    const frames = codedAudio(file, ORIGIN);
    const { run, stop } = begin(frames);
    run.tell(told(frames, 0, frames.length - 1));
    await run.finished();
    stop.abort();
    await run.ended();
    await expect(run.finished()).resolves.toBeUndefined();
  });
});
