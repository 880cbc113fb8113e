/** A task's coded frames: from the hot stream, else from the raw chunks in the store. Both give the same frames. */
import type { AudioFrame, CodedFrame, VideoFrame } from '../common/contracts/frame.ts';
import { storeKeys } from '../common/contracts/names.ts';
import { rawRecordSchema, type RawFrame } from '../common/contracts/raw-chunk.ts';
import type { Task } from '../common/contracts/task.ts';
import { PipelineError } from '../common/errors.ts';
import { readHotFrames } from '../common/hot-frames.ts';
import type { Redis } from '../common/redis.ts';
import type { ObjectStore } from '../common/store/store.ts';
import { frameIndex, samplePosition, segmentNumber } from '../common/time.ts';
import type { TaskInput } from './transcode.ts';

/** Where frames come from. */
export interface InputSources {
  readonly hotRedis: Redis;
  readonly store: Pick<ObjectStore, 'get' | 'open'>;
  /** The coded slate picture. */
  readonly slate: Uint8Array;
}

/** Frames of one session that lie together. */
interface Range {
  readonly session: string;
  fromSeq: number;
  toSeq: number;
  fromChunk: number;
  toChunk: number;
}

/**
 * Reads what a task needs, each range once for picture and sound together.
 * @throws PipelineError `INPUT_MISSING` when a frame is in neither place
 */
export async function readTaskInput(task: Task, sources: InputSources): Promise<TaskInput> {
  const ranges = joinRanges(task);
  const read = await Promise.all(
    ranges.map(async (range) => ({ range, frames: await readRange(task.channel, range, sources) })),
  );
  const framesOf = (session: string, fromSeq: number, toSeq: number): CodedFrame[] =>
    read
      .filter(({ range }) => range.session === session)
      .flatMap(({ frames }) => frames.filter(({ seq }) => seq >= fromSeq && seq <= toSeq));
  return {
    pictures: task.video.map((span) =>
      span.kind === 'slate'
        ? { kind: 'slate', from: span.from, data: sources.slate }
        : {
            kind: 'session',
            from: span.from,
            to: span.to,
            late: span.late,
            frames: framesOf(span.session, span.fromSeq, span.toSeq).filter(isVideo),
          },
    ),
    sounds: task.sound.map((span) => ({
      span,
      frames: framesOf(span.session, span.fromSeq, span.toSeq).filter(isAudio),
    })),
  };
}

const isVideo = (frame: CodedFrame): frame is VideoFrame => frame.kind === 'video';
const isAudio = (frame: CodedFrame): frame is AudioFrame => frame.kind === 'audio';

/** The task's ranges, with those of one session that touch made into one. */
function joinRanges(task: Task): Range[] {
  const spans = [...task.video.filter((span) => span.kind === 'session'), ...task.sound];
  const joined: Range[] = [];
  for (const span of spans.toSorted((a, b) => a.fromSeq - b.fromSeq)) {
    const last = joined.findLast(
      (range) => range.session === span.session && span.fromSeq <= range.toSeq + 1,
    );
    if (last === undefined) {
      const { session, fromSeq, toSeq, fromChunk, toChunk } = span;
      joined.push({ session, fromSeq, toSeq, fromChunk, toChunk });
    } else {
      last.toSeq = Math.max(last.toSeq, span.toSeq);
      last.fromChunk = Math.min(last.fromChunk, span.fromChunk);
      last.toChunk = Math.max(last.toChunk, span.toChunk);
    }
  }
  return joined;
}

async function readRange(
  channel: string,
  range: Range,
  { hotRedis, store }: InputSources,
): Promise<CodedFrame[]> {
  const { session, fromSeq, toSeq } = range;
  const hot = await readHotFrames(hotRedis, channel, session, fromSeq, toSeq);
  if (hot.length === toSeq - fromSeq + 1) {
    return hot;
  }
  const kept: CodedFrame[] = [];
  for (let chunk = range.fromChunk; chunk <= range.toChunk; chunk += 1) {
    kept.push(...(await readRawChunk(store, channel, range, chunk)));
  }
  if (kept.length !== toSeq - fromSeq + 1) {
    throw new PipelineError(
      'INPUT_MISSING',
      `session ${session}: ${hot.length} hot and ${kept.length} stored of frames ${fromSeq} to ${toSeq}`,
    );
  }
  return kept;
}

/** The frames of a range that one raw chunk keeps; none when it is not in the store. */
async function readRawChunk(
  store: InputSources['store'],
  channel: string,
  { session, fromSeq, toSeq }: Range,
  chunk: number,
): Promise<CodedFrame[]> {
  const n = segmentNumber(chunk);
  const body = await store.get(storeKeys.rawRecord(channel, session, n));
  if (body === undefined) {
    return [];
  }
  const record = rawRecordSchema.parse(JSON.parse(body.toString('utf8')));
  const rows = record.frames.filter(({ seq }) => seq >= fromSeq && seq <= toSeq);
  if (rows.length === 0) {
    return [];
  }
  const start = Math.min(...rows.map(({ offset }) => offset));
  const end = Math.max(...rows.map(({ offset, size }) => offset + size)) - 1;
  const opened = await store.open(storeKeys.rawChunk(channel, session, n), { start, end });
  if (opened === undefined) {
    return [];
  }
  const parts: Buffer[] = [];
  for await (const part of opened.body) {
    parts.push(part as Buffer);
  }
  const bytes = Buffer.concat(parts);
  return rows.map((row) =>
    frameOf(row, bytes.subarray(row.offset - start, row.offset - start + row.size)),
  );
}

function frameOf(row: RawFrame, data: Buffer): CodedFrame {
  if (data.byteLength !== row.size) {
    throw new PipelineError('INPUT_MISSING', `raw chunk ends within frame ${row.seq}`);
  }
  return row.kind === 'video'
    ? {
        kind: 'video',
        seq: row.seq,
        index: frameIndex(row.index),
        dts: row.dts,
        flags: row.flags,
        data,
      }
    : {
        kind: 'audio',
        seq: row.seq,
        origin: samplePosition(row.origin),
        k: row.k,
        rate: row.rate,
        channels: row.channels,
        config: Buffer.from(row.config, 'hex'),
        data,
      };
}
