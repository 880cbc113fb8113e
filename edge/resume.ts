/**
 * Goes on with an object whose upstream broke off in the middle: asks again, from where it stood, and takes only what fits
 * to the bytes that viewers have already. Objects are the same wherever they are asked for, so another upstream's will do.
 */
import { setTimeout as passTime } from 'node:timers/promises';
import { PipelineError, toPipelineError } from '#common/errors';
import type { CachedObject } from './cached-object.ts';
import type { BodySink, Upstream, UpstreamAnswer } from './upstream.ts';

/** No try begins later than this after the break, real milliseconds: a restarted origin's is back, and a player waits no longer. */
const TRY_FOR_MS = 8_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 800;

/** What was begun and is withheld now is told so (RFC 9110 §15.5.11): nobody goes on with it, and who reads it is to know. */
const GONE = 410;

/** What is wrong with the bytes themselves does not get better by asking again. */
const isFault = (error: unknown): boolean => {
  const { code } = toPipelineError(error, 'UNAVAILABLE');
  return code === 'BAD_MEDIA' || code === 'TOO_LARGE';
};

/** Takes the whole once more: what is known is compared, what is not is added. */
function fromTheBeginning(object: CachedObject): BodySink {
  let at = 0;
  return {
    append: (chunk) => {
      const known = Math.min(chunk.length, Math.max(0, object.received - at));
      if (!object.slice(at, at + known).equals(chunk.subarray(0, known))) {
        throw new PipelineError('BAD_MEDIA', 'upstream sent other bytes than before');
      }
      at += chunk.length;
      if (known < chunk.length) {
        object.append(chunk.subarray(known));
      }
    },
    complete: () => {
      if (at < object.received) {
        throw new PipelineError(
          'BAD_MEDIA',
          `upstream sent ${at} bytes, before ${object.received}`,
        );
      }
      object.complete();
    },
  };
}

/** RFC 9110 §14.4 */
const CONTENT_RANGE = /^bytes (?:(\d{1,15})-\d{1,15}|\*)\/(\d{1,15}|\*)$/;

/** Where the bytes of an answer belong; `'whole'`: there are no more; undefined: it is not an answer to go on with. */
function placeOf({ head }: UpstreamAnswer, object: CachedObject): BodySink | 'whole' | undefined {
  if (head.status !== 416 && head.etag !== object.etag) {
    return undefined;
  }
  const [, start, total] = CONTENT_RANGE.exec(head.contentRange ?? '') ?? [];
  switch (head.status) {
    case 200:
      return head.isFramed ? fromTheBeginning(object) : undefined;
    case 206:
      return head.isFramed && Number(start) === object.received ? object : undefined;
    case 416:
      // All bytes had come, but not the word that they are all.
      return Number(total) === object.received ? 'whole' : undefined;
    default:
      return undefined;
  }
}

/**
 * Reads a body to its end, however often the upstream breaks off.
 * @throws PipelineError `BAD_MEDIA`, `TOO_LARGE`, or `UNAVAILABLE` when it was left off, or nothing is to be had for {@link TRY_FOR_MS};
 * AbortError when the upstream is closed meanwhile
 */
export async function readWhole(
  upstream: Pick<Upstream, 'fetch' | 'closed'>,
  path: string,
  first: UpstreamAnswer,
  object: CachedObject,
): Promise<void> {
  let answer: UpstreamAnswer | undefined = first;
  let sink: BodySink = object;
  let until = 0;
  let pause = FIRST_PAUSE_MS;
  const rest = async (): Promise<void> => {
    if (performance.now() >= until) {
      throw new PipelineError('UNAVAILABLE', `upstream broke off after ${object.received} bytes`);
    }
    await passTime(pause, undefined, { signal: upstream.closed });
    pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
  };
  for (;;) {
    if (answer !== undefined) {
      const had = object.received;
      try {
        await answer.readInto(sink);
        return;
      } catch (error) {
        // Without a tag nobody can say whether another answer is of the same object.
        if (isFault(error) || object.etag === undefined) {
          throw error;
        }
      }
      if (until === 0 || object.received > had) {
        until = performance.now() + TRY_FOR_MS;
        pause = FIRST_PAUSE_MS;
      } else {
        await rest();
      }
    }
    answer = await askAgain(upstream, path, object);
    if (answer === undefined) {
      await rest();
      continue;
    }
    if (answer.head.status === GONE) {
      await answer.discard().catch(() => undefined);
      throw new PipelineError('UNAVAILABLE', `left off after ${object.received} bytes`);
    }
    const place = placeOf(answer, object);
    if (typeof place === 'object') {
      sink = place;
      continue;
    }
    await answer.discard().catch(() => undefined);
    answer = undefined;
    if (place === 'whole') {
      object.complete();
      return;
    }
    await rest();
  }
}

async function askAgain(
  upstream: Pick<Upstream, 'fetch'>,
  path: string,
  { received, etag }: CachedObject,
): Promise<UpstreamAnswer | undefined> {
  try {
    return await upstream.fetch(path, { from: received, etag });
  } catch {
    return undefined;
  }
}
