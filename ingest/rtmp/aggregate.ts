/** Aggregate messages: several media messages in one, each with the head of an FLV tag (Adobe RTMP 1.0, §7.1.6). */
import { PipelineError } from '#common/errors';
import type { Message } from './chunk-reader.ts';

/** TagType, DataSize, Timestamp, TimestampExtended and StreamID (FLV 10.1 §E.4.1). */
const HEAD = 11;
/** PreviousTagSize. */
const BACK_POINTER = 4;
const CLOCK = 2 ** 32;

/**
 * The messages of an aggregate, in its stream; their times are moved so that the first has the aggregate's.
 * @throws BAD_REQUEST when one is cut short
 */
export function* messagesOf({ stream, timestamp, body }: Message): Generator<Message> {
  let first: number | undefined;
  for (let at = 0; at < body.length;) {
    const start = at + HEAD;
    const end = start <= body.length ? start + body.readUIntBE(at + 1, 3) : start;
    if (end > body.length) {
      throw new PipelineError('BAD_REQUEST', `an aggregate message cut short at ${body.length}`);
    }
    const time = body.readUIntBE(at + 4, 3) + body.readUInt8(at + 7) * 2 ** 24;
    first ??= time;
    yield {
      type: body.readUInt8(at),
      stream,
      timestamp: (timestamp + time - first + CLOCK) % CLOCK,
      body: body.subarray(start, end),
    };
    at = end + BACK_POINTER;
  }
}
