/**
 * Answers that grow: a segment or part whose fragments are published while it is sent, in chunked transfer (RFC 9112
 * §7.1). Every reader is given the same buffers; one that does not take them is dropped, and never waited for.
 */
import type { SegmentNumber } from '#common/time';
import { COMMON, type Exchange } from './answer.ts';
import type { GrowingRendition, PlacedFragment } from './growing-rendition.ts';

/** What waits for a reader at most: some seconds of the largest rendition. */
const MAX_UNSENT_BYTES = 4 * 1024 ** 2;

/** A run of a segment's fragments. */
export interface GrowingRun {
  readonly growing: GrowingRendition;
  readonly n: SegmentNumber;
  /** Fragments `[from, to)`. */
  readonly from: number;
  readonly to: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends what is published of a run at once, and each further fragment the moment it is; ends with the last. */
export function answerGrowing({ request, response }: Exchange, run: GrowingRun): void {
  const { growing, n, from, to, headers } = run;
  response.writeHead(200, { ...COMMON, ...headers, 'content-type': 'video/mp4' });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const have = growing.fragmentsOf(n).slice(from, to);
  let next = from;
  const send = ({ data }: PlacedFragment): void => {
    next += 1;
    response.write(data);
    if (next === to) {
      stop();
      response.end();
    } else if (response.writableLength > MAX_UNSENT_BYTES) {
      stop();
      response.destroy();
    }
  };
  const stop = growing.follow(
    (fragment) => {
      if (fragment.n === n && fragment.k === next) {
        send(fragment);
      }
    },
    (leftOff) => {
      // Cut off, it cannot be taken for one that is whole.
      if (leftOff === n) {
        stop();
        response.destroy();
      }
    },
  );
  response.once('close', stop);
  for (const fragment of have) {
    send(fragment);
  }
}
