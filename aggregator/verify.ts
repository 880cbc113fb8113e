/**
 * Is this result what the grid says segment `n` must be? Nothing is published before this says yes, because a
 * published segment never changes. Pure.
 */
import { createHash } from 'node:crypto';
import type { Broadcast, Made, Published, Result } from '#common/contracts/segment';
import type { Rendition } from '#common/contracts/rendition';
import { madeAt, withheldAt } from '#common/contracts/shed';
import { PipelineError } from '#common/errors';
import {
  AAC_FRAME_SAMPLES,
  SAMPLE_RATE,
  aacFramesOf,
  firstFrame,
  gridOf,
  type Grid,
} from '#common/grid';
import { findBox, readFragment } from '#common/mp4/read';
import type { Milliseconds, SegmentNumber } from '#common/time';

/** Bytes of one rendition of a segment, with the init segment they need. */
export interface SegmentBytes {
  readonly init: Buffer;
  readonly data: Buffer;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const bad = (made: Made, what: string): PipelineError =>
  new PipelineError('BAD_MEDIA', `${made.rendition}: ${what}`);

/** What every segment of a rendition must be, in its track's timescale. */
export interface Expected {
  readonly timescale: number;
  readonly samples: number;
  readonly sampleDuration: number;
  readonly decodeTime: number;
}

/** What the grid says of segment `n` of a rendition. */
export function expectedOf(grid: Grid, kind: Rendition['kind'], n: SegmentNumber): Expected {
  if (kind === 'video') {
    return {
      timescale: grid.timescale,
      samples: grid.segmentFrames,
      sampleDuration: grid.frameTicks,
      decodeTime: firstFrame(grid, n) * grid.frameTicks,
    };
  }
  const { first, end } = aacFramesOf(grid, n);
  return {
    timescale: SAMPLE_RATE,
    samples: end - first,
    sampleDuration: AAC_FRAME_SAMPLES,
    decodeTime: first * AAC_FRAME_SAMPLES,
  };
}

/** ISO/IEC 14496-12 §8.4.2: the track's timescale. */
export function timescaleOf(init: Buffer): number | undefined {
  const mdhd = findBox(init, ['moov', 'trak', 'mdia', 'mdhd']);
  if (mdhd === undefined) {
    return undefined;
  }
  const at = mdhd.start + mdhd.headerSize;
  const offset = at + (init[at] === 1 ? 20 : 12);
  return offset + 4 <= mdhd.end ? init.readUInt32BE(offset) : undefined;
}

function verifyRendition(
  made: Made,
  bytes: SegmentBytes,
  expected: Expected,
  knownInit: string | undefined,
): void {
  if (bytes.data.byteLength !== made.bytes || sha256(bytes.data) !== made.sha256) {
    throw bad(made, 'bytes differ from the result that names them');
  }
  if (sha256(bytes.init) !== made.initSha256) {
    throw bad(made, 'init segment differs from the result that names it');
  }
  if (knownInit === undefined) {
    if (timescaleOf(bytes.init) !== expected.timescale) {
      throw bad(made, `init segment has not the timescale ${expected.timescale}`);
    }
  } else if (made.initSha256 !== knownInit) {
    throw bad(made, "init segment differs from the broadcast's");
  }
  const fragment = readFragment(bytes.data);
  if (fragment.decodeTime !== expected.decodeTime) {
    throw bad(made, `begins at ${fragment.decodeTime}, not ${expected.decodeTime}`);
  }
  if (fragment.sampleCount !== expected.samples) {
    throw bad(made, `${fragment.sampleCount} samples, not ${expected.samples}`);
  }
  if (fragment.durations.some((duration) => duration !== expected.sampleDuration)) {
    throw bad(made, `a sample's duration is not ${expected.sampleDuration}`);
  }
  const end = expected.decodeTime + expected.samples * expected.sampleDuration;
  if (made.frames !== expected.samples || made.first !== expected.decodeTime || made.end !== end) {
    throw bad(made, 'the result says other samples than its bytes have');
  }
}

/**
 * Verifies a result against its broadcast and the bytes it names.
 * @param knownInits rendition to init hash, as the broadcast's first published segment fixed them
 * @param wanted what it must have, and nothing else: by default what is made of its segment
 * @throws PipelineError `BAD_MEDIA` that says what is wrong, `BAD_REQUEST` when it is no result of this broadcast
 */
export function verifyResult(
  broadcast: Broadcast,
  result: Result,
  bytes: ReadonlyMap<string, SegmentBytes>,
  knownInits: ReadonlyMap<string, string>,
  wanted: readonly Rendition[] = madeAt(broadcast, result.n),
): void {
  if (result.channel !== broadcast.channel || result.broadcast !== broadcast.broadcast) {
    throw new PipelineError('BAD_REQUEST', 'the result is of another broadcast');
  }
  const grid = gridOf(broadcast.fps);
  const made = new Map(result.made.map((item) => [item.rendition, item]));
  if (made.size !== result.made.length || made.size !== wanted.length) {
    throw new PipelineError('BAD_MEDIA', 'the result has not each rendition that is wanted once');
  }
  for (const rendition of wanted) {
    const item = made.get(rendition.id);
    const itemBytes = bytes.get(rendition.id);
    if (item === undefined || itemBytes === undefined) {
      throw new PipelineError('BAD_MEDIA', `the result lacks rendition ${rendition.id}`);
    }
    const expected = expectedOf(grid, rendition.kind, result.n);
    verifyRendition(item, itemBytes, expected, knownInits.get(rendition.id));
  }
}

/** A result without what is withheld of its segment: it may have been begun before that was decided. */
export function withoutWithheld(broadcast: Broadcast, result: Result): Result {
  const withheld = withheldAt(broadcast, result.n);
  return withheld.size === 0
    ? result
    : { ...result, made: result.made.filter(({ rendition }) => !withheld.has(rendition)) };
}

/** The record of a verified result. */
export function publishedOf(result: Result, at: Milliseconds): Published {
  return {
    broadcast: result.broadcast,
    n: result.n,
    at,
    fingerprint: result.fingerprint,
    taskHash: result.taskHash,
    renditions: result.made.map(({ rendition, bytes, sha256: hash, initSha256 }) => ({
      rendition,
      bytes,
      sha256: hash,
      initSha256,
    })),
  };
}

/** The record of a segment whose bytes were published before the result that completes it came. */
export function publishedBytes(
  result: Result,
  objects: ReadonlyMap<string, SegmentBytes>,
  at: Milliseconds,
): Published {
  return {
    ...publishedOf(result, at),
    renditions: [...objects].map(([rendition, { data, init }]) => ({
      rendition,
      bytes: data.byteLength,
      sha256: sha256(data),
      initSha256: sha256(init),
    })),
  };
}

/** The renditions in which a result differs from what is published; empty when the bytes are the same. */
export function differencesFrom(published: Published, result: Result): string[] {
  const made = new Map(result.made.map((item) => [item.rendition, item]));
  return published.renditions
    .filter((known) => {
      const item = made.get(known.rendition);
      return (
        item === undefined ||
        item.sha256 !== known.sha256 ||
        item.bytes !== known.bytes ||
        item.initSha256 !== known.initSha256
      );
    })
    .map((known) => known.rendition);
}
