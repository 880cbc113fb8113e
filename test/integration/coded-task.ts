/** A task of real coded frames, and the hot stream that has them, as scheduler and ingest would give them to a worker. */
import type { CodedFrame } from '#common/contracts/frame';
import type { Task } from '#common/contracts/task';
import { firstFrame, firstSample, gridOf } from '#common/grid';
import { appendHotFrame } from '#common/hot-frames';
import { execute, type Redis } from '#common/redis';
import { frameIndex, milliseconds, samplePosition, segmentNumber } from '#common/time';
import { codedAudio, codedVideo } from '../helpers/coded-frames.ts';
import { tone } from '../helpers/sound.ts';
import { makeSoundFile, makeVideo } from './made-clips.ts';
import { LADDER, SEGMENT } from './transcoder-harness.ts';

const grid = gridOf('30');
const n = segmentNumber(SEGMENT);
const first = firstFrame(grid, n);

/** Three seconds of picture and sound around segment {@link SEGMENT}. */
export async function codedFrames(): Promise<CodedFrame[]> {
  const video = codedVideo(await makeVideo(90, 'keyint=250:bframes=2'), first - 10);
  const origin = firstSample(grid, n) - 16_000;
  const audio = codedAudio(await makeSoundFile(tone(48_000), 48_000, 2, 3), origin);
  return [...video, ...audio].map((frame, seq) => ({ ...frame, seq }));
}

/** The task of segment {@link SEGMENT} from them. */
export function codedTask(channel: string, frames: readonly CodedFrame[]): Task {
  const sound = frames.filter((frame) => frame.kind === 'audio');
  const { origin = samplePosition(0) } = sound[0] ?? {};
  const [fromChunk, toChunk] = [segmentNumber(7), segmentNumber(8)];
  const span = { session: 'one', fromSeq: 0, toSeq: frames.length - 1, fromChunk, toChunk };
  return {
    channel,
    broadcast: n,
    n,
    fps: '30',
    profile: 'standard',
    hash: 'task-hash',
    deadline: milliseconds(0),
    renditions: [...LADDER, { kind: 'audio', id: 'a96', bitrateBps: 96_000, codecs: 'mp4a.40.2' }],
    video: [{ kind: 'session', ...span, from: first, to: frameIndex(first + 60), late: [] }],
    sound: [
      {
        ...span,
        origin,
        rate: 48_000,
        channels: 2,
        from: origin,
        to: samplePosition(origin + 140_000),
        firstK: 0,
        lastK: sound.length - 1,
      },
    ],
  };
}

/** Puts frames into the hot stream of session `one`. */
export async function putHot(
  redis: Redis,
  channel: string,
  frames: readonly CodedFrame[],
): Promise<void> {
  const pipeline = redis.pipeline();
  for (const frame of frames) {
    appendHotFrame(pipeline, channel, 'one', frame);
  }
  await execute(pipeline);
}
