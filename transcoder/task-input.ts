/** Gathers a task's coded frames: from the hot stream what it still has, the rest from raw chunks. */
import type { CodedFrame } from '#common/contracts/frame';
import type { Task } from '#common/contracts/task';
import { PipelineError } from '#common/errors';
import { greatest, least, segmentNumber, type SegmentNumber } from '#common/time';
import { readRawFrames, type RawStore } from './raw-chunk.ts';
import type { TaskInput } from './transcode.ts';

/** Where frames come from. */
export interface InputSources {
  /** Frames of a session with `fromSeq <= seq <= toSeq` that the hot stream still has. */
  readonly readHot: (
    channel: string,
    session: string,
    fromSeq: number,
    toSeq: number,
  ) => Promise<readonly CodedFrame[]>;
  readonly store: RawStore;
  /** The slate's coded picture. */
  readonly slate: () => Promise<Uint8Array>;
}

/** A stretch of a session that spans ask for, picture and sound interleaved in one order. */
interface Stretch {
  readonly session: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly fromChunk: SegmentNumber;
  readonly toChunk: SegmentNumber;
}

/**
 * Reads what the task's spans name: stretches of a session that overlap once, and nothing of what lies between others,
 * for a held picture may be far older than the sound that goes on under it.
 * @throws PipelineError `INPUT_MISSING` when a frame is neither hot nor in the store
 */
export async function readTaskInput(task: Task, sources: InputSources): Promise<TaskInput> {
  const read: { readonly stretch: Stretch; readonly frames: readonly CodedFrame[] }[] = [];
  for (const stretch of stretchesOf(task)) {
    read.push({ stretch, frames: await readStretch(task.channel, stretch, sources) });
  }
  const framesOf = (span: Stretch): CodedFrame[] =>
    (read.find(({ stretch }) => holds(stretch, span))?.frames ?? []).filter(
      (frame) => frame.seq >= span.fromSeq && frame.seq <= span.toSeq,
    );
  const slate = task.video.some((span) => span.kind === 'slate')
    ? await sources.slate()
    : undefined;
  return {
    pictures: task.video.map((span) =>
      span.kind === 'slate'
        ? { kind: 'slate', from: span.from, data: slate ?? new Uint8Array() }
        : {
            kind: 'session',
            from: span.from,
            to: span.to,
            late: span.late,
            frames: framesOf(span).filter((frame) => frame.kind === 'video'),
          },
    ),
    sounds: task.sound.map((span) => ({
      span,
      frames: framesOf(span).filter((frame) => frame.kind === 'audio'),
    })),
  };
}

/** The spans' stretches; those of one session that overlap are one. */
function stretchesOf(task: Task): Stretch[] {
  const spans: Stretch[] = [
    ...task.video.flatMap((span) => (span.kind === 'session' ? [span] : [])),
    ...task.sound,
  ];
  const found: Stretch[] = [];
  for (const span of spans.toSorted((a, b) => a.fromSeq - b.fromSeq)) {
    const at = found.findIndex(
      ({ session, toSeq }) => session === span.session && span.fromSeq <= toSeq + 1,
    );
    const before = found[at] ?? span;
    found.splice(at === -1 ? found.length : at, 1, {
      session: span.session,
      fromSeq: before.fromSeq,
      toSeq: Math.max(before.toSeq, span.toSeq),
      fromChunk: least(before.fromChunk, span.fromChunk),
      toChunk: greatest(before.toChunk, span.toChunk),
    });
  }
  return found;
}

const holds = (stretch: Stretch, span: Stretch): boolean =>
  stretch.session === span.session &&
  stretch.fromSeq <= span.fromSeq &&
  span.toSeq <= stretch.toSeq;

async function readStretch(
  channel: string,
  stretch: Stretch,
  sources: InputSources,
): Promise<CodedFrame[]> {
  const { session, fromSeq, toSeq } = stretch;
  const frames = new Map<number, CodedFrame>();
  for (const frame of await sources.readHot(channel, session, fromSeq, toSeq)) {
    frames.set(frame.seq, frame);
  }
  const total = toSeq - fromSeq + 1;
  const { fromChunk, toChunk } = stretch;
  for (
    let chunk = fromChunk;
    frames.size < total && chunk <= toChunk;
    chunk = segmentNumber(chunk + 1)
  ) {
    const isWanted = (seq: number): boolean => seq >= fromSeq && seq <= toSeq && !frames.has(seq);
    for (const frame of await readRawFrames(sources.store, { channel, session, chunk, isWanted })) {
      frames.set(frame.seq, frame);
    }
  }
  if (frames.size < total) {
    throw new PipelineError(
      'INPUT_MISSING',
      `session ${session}: ${total - frames.size} of the frames ${fromSeq} to ${toSeq} are neither hot nor stored`,
    );
  }
  return [...frames.values()].toSorted((a, b) => a.seq - b.seq);
}
