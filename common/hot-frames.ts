/**
 * A session's coded frames in a Redis Stream: some seconds, capped in bytes by their writer. Entry id `<seq>-1`;
 * field `h` is a small JSON header, field `d` the coded bytes. An accelerator: all of it is in raw chunks too.
 */
import { z } from 'zod';
import type { AudioFrame, CodedFrame, VideoFrame } from './contracts/frame.ts';
import { redisKeys } from './contracts/names.ts';
import { frameIndexSchema, samplePositionSchema } from './contracts/units.ts';
import type { ChainableCommander, Redis } from './redis.ts';

const int = z.int().min(0);
const headerSchema = z.union([
  z.tuple([z.literal('v'), frameIndexSchema, z.int(), int]),
  z.tuple([z.literal('a'), samplePositionSchema, int, int, int, z.string()]),
]);

function header(frame: CodedFrame): string {
  if (frame.kind === 'video') {
    return JSON.stringify(['v', frame.index, frame.dts, frame.flags]);
  }
  const config = Buffer.from(frame.config).toString('hex');
  return JSON.stringify(['a', frame.origin, frame.k, frame.rate, frame.channels, config]);
}

/** Queues a frame onto a pipeline. */
export function appendHotFrame(
  pipeline: ChainableCommander,
  channel: string,
  session: string,
  frame: CodedFrame,
): void {
  const { buffer, byteOffset, byteLength } = frame.data;
  pipeline.xadd(
    redisKeys.hotFrames(channel, session),
    `${frame.seq}-1`,
    'h',
    header(frame),
    'd',
    Buffer.from(buffer, byteOffset, byteLength),
  );
}

/** Queues dropping frames below `minSeq` onto a pipeline, and lets the stream expire once its session is over. */
export function trimHotFrames(
  pipeline: ChainableCommander,
  channel: string,
  session: string,
  minSeq: number,
): void {
  const key = redisKeys.hotFrames(channel, session);
  pipeline.xtrim(key, 'MINID', '~', `${minSeq}-0`);
  pipeline.expire(key, 120);
}

/** Reads the frames of a session with `fromSeq <= seq <= toSeq`; some may be gone, so the caller checks. */
export async function readHotFrames(
  redis: Redis,
  channel: string,
  session: string,
  fromSeq: number,
  toSeq: number,
): Promise<CodedFrame[]> {
  const key = redisKeys.hotFrames(channel, session);
  const entries = await redis.xrangeBuffer(key, `${fromSeq}-0`, `${toSeq}-9`);
  return entries.map(([id, fields]) => hotFrameOf(id.toString('latin1'), fields));
}

/** The id after which a session's frames from `seq` on come. */
export const hotIdBefore = (seq: number): string => `${seq}-0`;

/** A frame from an entry of its session's hot stream. */
export function hotFrameOf(id: string, fields: readonly Buffer[]): CodedFrame {
  const seq = Number(id.split('-')[0]);
  const [, head = Buffer.alloc(0), , data = Buffer.alloc(0)] = fields;
  return parseFrame(seq, head.toString('utf8'), data);
}

function parseFrame(seq: number, head: string, data: Buffer): CodedFrame {
  const parsed = headerSchema.parse(JSON.parse(head));
  if (parsed[0] === 'v') {
    const [, index, dts, flags] = parsed;
    return { kind: 'video', seq, index, dts, flags, data } satisfies VideoFrame;
  }
  const [, origin, k, rate, channels, config] = parsed;
  return {
    kind: 'audio',
    seq,
    origin,
    k,
    rate,
    channels,
    config: Buffer.from(config, 'hex'),
    data,
  } satisfies AudioFrame;
}
