import { describe, expect, test } from '@jest/globals';
import type { CodedFrame } from '#common/contracts/frame';
import type { SoundSpan, Task, VideoSpan } from '#common/contracts/task';
import { frameIndex, milliseconds, samplePosition, segmentNumber } from '#common/time';
import { readTaskInput, type InputSources } from '../../../transcoder/task-input.ts';

const picture = (seq: number): CodedFrame => ({
  kind: 'video',
  seq,
  index: frameIndex(seq),
  dts: seq,
  flags: 0,
  data: Buffer.of(seq),
});

const sound = (seq: number): CodedFrame => ({
  kind: 'audio',
  seq,
  origin: samplePosition(0),
  k: seq,
  rate: 48_000,
  channels: 2,
  config: Buffer.of(0x11, 0x90),
  data: Buffer.of(seq),
});

const range = (from: number, to: number, frame: (seq: number) => CodedFrame): CodedFrame[] =>
  Array.from({ length: to - from + 1 }, (_, i) => frame(from + i));

const pictures = (fromSeq: number, toSeq: number): VideoSpan => ({
  kind: 'session',
  session: 's1',
  fromSeq,
  toSeq,
  fromChunk: segmentNumber(0),
  toChunk: segmentNumber(0),
  from: frameIndex(fromSeq),
  to: frameIndex(toSeq + 1),
  late: [],
});

const heard = (fromSeq: number, toSeq: number): SoundSpan => ({
  session: 's1',
  fromSeq,
  toSeq,
  fromChunk: segmentNumber(0),
  toChunk: segmentNumber(0),
  origin: samplePosition(0),
  rate: 48_000,
  channels: 2,
  firstK: fromSeq,
  lastK: toSeq,
  from: samplePosition(1024 * fromSeq),
  to: samplePosition(1024 * (toSeq + 1)),
});

/** Sources whose hot stream has exactly these frames; what was asked of it is noted. */
function sourcesWith(frames: readonly CodedFrame[]): {
  sources: InputSources;
  asked: [number, number][];
} {
  const asked: [number, number][] = [];
  const sources: InputSources = {
    readHot: (_channel, _session, from, to) => {
      asked.push([from, to]);
      return Promise.resolve(frames.filter(({ seq }) => seq >= from && seq <= to));
    },
    store: { get: () => Promise.resolve(undefined) },
    slate: () => Promise.resolve(Buffer.from('slate')),
  };
  return { sources, asked };
}

const task = (video: VideoSpan[], spans: SoundSpan[]): Task => ({
  channel: 'final',
  broadcast: segmentNumber(1),
  n: segmentNumber(1),
  fps: '30',
  profile: 'standard',
  renditions: [],
  video,
  sound: spans,
  hash: '',
  deadline: milliseconds(0),
});

describe('the input of a task', () => {
  test('whose picture is held and whose sound goes on needs nothing of what lies between', async () => {
    const { sources, asked } = sourcesWith([...range(0, 9, picture), ...range(500, 590, sound)]);
    const input = await readTaskInput(task([pictures(0, 9)], [heard(500, 590)]), sources);
    expect(asked).toEqual([
      [0, 9],
      [500, 590],
    ]);
    expect(input.pictures[0]).toMatchObject({ kind: 'session', frames: range(0, 9, picture) });
    expect(input.sounds[0]?.frames).toHaveLength(91);
  });

  test('whose picture is the slate has the sound of its session', async () => {
    const { sources } = sourcesWith(range(500, 590, sound));
    const slate: VideoSpan = { kind: 'slate', from: frameIndex(60) };
    const input = await readTaskInput(task([slate], [heard(500, 590)]), sources);
    expect(input.pictures).toEqual([{ kind: 'slate', from: 60, data: Buffer.from('slate') }]);
    expect(input.sounds[0]?.frames).toHaveLength(91);
  });

  test('reads once where picture and sound lie interleaved', async () => {
    const frames = Array.from({ length: 100 }, (_, seq) => (seq % 2 === 0 ? picture : sound)(seq));
    const { sources, asked } = sourcesWith(frames);
    const input = await readTaskInput(task([pictures(0, 90)], [heard(41, 99)]), sources);
    expect(asked).toEqual([[0, 99]]);
    expect(input.sounds[0]?.frames.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 30 }, (_, i) => 41 + 2 * i),
    );
  });

  test('without one of the frames is missing', async () => {
    const { sources } = sourcesWith(range(0, 8, picture));
    await expect(readTaskInput(task([pictures(0, 9)], []), sources)).rejects.toMatchObject({
      code: 'INPUT_MISSING',
    });
  });
});
