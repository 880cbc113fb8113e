/** A clip published over and over with timestamps that go on, as an encoder that never stops. */
import { setTimeout as delay } from 'node:timers/promises';
import { FLV_TAG, isSequenceHeader, type FlvTag } from '../helpers/flv.ts';
import { RtmpPublisher, type PublishTarget } from '../helpers/rtmp-publisher.ts';

/** A part of a clip that can follow itself. */
export interface Loop {
  /** Metadata and sequence headers, sent once. */
  readonly head: readonly FlvTag[];
  /** Pictures and sound, in order of time. */
  readonly body: readonly FlvTag[];
  /** Its length, milliseconds. */
  readonly period: number;
}

/** Behind this the publisher does not catch up by a burst: its machine was held up, not its feed. */
const MOST_BEHIND_MS = 2_000;

/**
 * The tags from `from` on, for one period.
 * @param period a whole number of frames, of groups of pictures and of AAC frames, milliseconds
 * @throws RangeError when the clip is shorter
 */
export function loopOf(tags: readonly FlvTag[], from: number, period: number): Loop {
  const isHead = (tag: FlvTag): boolean => tag.type === FLV_TAG.script || isSequenceHeader(tag);
  if ((tags.at(-1)?.timestamp ?? 0) < from + period - 100) {
    throw new RangeError(`the clip is shorter than ${from + period} ms`);
  }
  return {
    head: tags.filter(isHead).map((tag) => ({ ...tag, timestamp: 0 })),
    body: tags.filter(
      (tag) => !isHead(tag) && tag.timestamp >= from && tag.timestamp < from + period,
    ),
    period,
  };
}

/** The tags without end: each round a period later than the one before. */
export function* repeated({ head, body, period }: Loop): Generator<FlvTag> {
  yield* head;
  for (let round = 0; ; round += 1) {
    for (const tag of body) {
      yield { ...tag, timestamp: tag.timestamp + round * period };
    }
  }
}

/**
 * Publishes a loop until told to stop, then says goodbye as encoders do.
 * @param rate times real time
 * @throws Error when the server refuses or closes
 */
export async function publishLoop(
  loop: Loop,
  target: PublishTarget,
  rate: number,
  signal: AbortSignal,
): Promise<void> {
  const publisher = await RtmpPublisher.publish(target);
  try {
    let start = performance.now();
    for (const tag of repeated(loop)) {
      const wait = start + tag.timestamp / rate - performance.now();
      if (wait > 1) {
        await delay(wait);
      } else if (wait < -MOST_BEHIND_MS) {
        start -= wait;
      }
      if (signal.aborted) {
        break;
      }
      if (publisher.isClosed) {
        throw new Error(`server closed: ${publisher.statuses.at(-1)?.code ?? 'no status'}`);
      }
      await publisher.send(tag);
    }
    await publisher.stop();
  } finally {
    publisher.drop();
  }
}
