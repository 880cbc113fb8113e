/** Segments of a broadcast as workers would return them, made without an encoder: exact grid times, arbitrary payload. */
import { createHash } from 'node:crypto';
import type { Rendition } from '#common/contracts/rendition';
import type { Broadcast, Made, Result } from '#common/contracts/segment';
import { divisionOf } from '#common/division';
import { gridOf, type FpsName } from '#common/grid';
import { initSegment, mediaFragment } from '#common/mp4/write';
import { milliseconds, segmentNumber } from '#common/time';
import { expectedOfFragment } from '../../../aggregator/fragment.ts';
import { expectedOf, type SegmentBytes } from '../../../aggregator/verify.ts';
import { seeded } from '../../helpers/seeded.ts';

/** A ladder of two pictures and a sound. */
export const RENDITIONS: readonly Rendition[] = [
  {
    kind: 'video',
    id: 'v360',
    width: 640,
    height: 360,
    maxBitrateBps: 900_000,
    preset: 'veryfast',
    codecs: 'avc1.64001e',
  },
  {
    kind: 'video',
    id: 'v720',
    width: 1280,
    height: 720,
    maxBitrateBps: 3_500_000,
    preset: 'veryfast',
    codecs: 'avc1.64001f',
  },
  { kind: 'audio', id: 'a128', bitrateBps: 128_000, codecs: 'mp4a.40.2' },
];

/** A broadcast that is on air. */
export function broadcastOf(changes: Partial<Broadcast> = {}): Broadcast {
  return {
    channel: 'final',
    broadcast: segmentNumber(897_000_000),
    fps: '30',
    profile: 'standard',
    renditions: [...RENDITIONS],
    sheds: [],
    dvrSeconds: 60,
    startedAt: milliseconds(1_794_000_000_000),
    last: null,
    ...changes,
  };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function initOf(fps: FpsName, rendition: Rendition): Buffer {
  return initSegment([
    rendition.kind === 'video'
      ? {
          kind: 'video',
          id: 1,
          timescale: gridOf(fps).timescale,
          width: rendition.width,
          height: rendition.height,
          avcC: Buffer.from('0164001fffe1000467640000010004686f000000', 'hex'),
        }
      : {
          kind: 'audio',
          id: 1,
          timescale: 48_000,
          rate: 48_000,
          channels: 2,
          config: Buffer.from([0x11, 0x90]),
        },
  ]);
}

/** Changes to what is made, to make it wrong. */
export interface Flaws {
  readonly shift?: number;
  readonly samples?: number;
  readonly duration?: number;
  readonly salt?: number;
  /** Bytes of each sample. */
  readonly sampleBytes?: number;
}

/** One rendition of a segment. */
export function bytesOf(
  broadcast: Broadcast,
  rendition: Rendition,
  n: number,
  flaws: Flaws = {},
): SegmentBytes {
  const grid = gridOf(broadcast.fps);
  const expected = expectedOf(grid, rendition.kind, segmentNumber(n));
  const random = seeded(n + rendition.id.length + (flaws.salt ?? 0));
  const samples = Array.from({ length: expected.samples + (flaws.samples ?? 0) }, (_, i) => ({
    duration: expected.sampleDuration + (i === 3 ? (flaws.duration ?? 0) : 0),
    isSync: i === 0,
    compositionOffset: 0,
    data: Buffer.alloc(flaws.sampleBytes ?? 200, Math.floor(random() * 256)),
  }));
  const decodeTime = expected.decodeTime + (flaws.shift ?? 0);
  const { bytes } = mediaFragment(1, [{ trackId: 1, decodeTime, samples }]);
  return { init: initOf(broadcast.fps, rendition), data: bytes };
}

/** All renditions of a segment. */
export function objectsOf(
  broadcast: Broadcast,
  n: number,
  flaws: Readonly<Record<string, Flaws>> = {},
): Map<string, SegmentBytes> {
  return new Map(
    broadcast.renditions.map((rendition) => [
      rendition.id,
      bytesOf(broadcast, rendition, n, flaws[rendition.id]),
    ]),
  );
}

/** The result that names them. */
export function resultOf(
  broadcast: Broadcast,
  n: number,
  objects: ReadonlyMap<string, SegmentBytes>,
  changes: Partial<Result> = {},
): Result {
  const made = broadcast.renditions.map((rendition): Made => {
    const expected = expectedOf(gridOf(broadcast.fps), rendition.kind, segmentNumber(n));
    const bytes = objects.get(rendition.id) ?? { init: Buffer.alloc(0), data: Buffer.alloc(0) };
    return {
      rendition: rendition.id,
      bytes: bytes.data.byteLength,
      sha256: sha256(bytes.data),
      frames: expected.samples,
      first: expected.decodeTime,
      end: expected.decodeTime + expected.samples * expected.sampleDuration,
      initSha256: sha256(bytes.init),
      hotId: '0-1',
    };
  });
  return {
    channel: broadcast.channel,
    broadcast: broadcast.broadcast,
    n: segmentNumber(n),
    taskHash: `task-${n}`,
    fingerprint: 'test',
    worker: 'w1',
    made,
    ...changes,
  };
}

/** The fragments of one rendition's segment, as a worker would write them. */
export function fragmentsOf(
  broadcast: Broadcast,
  rendition: Rendition,
  n: number,
  salt = 0,
): { readonly init: Buffer; readonly fragments: readonly Buffer[] } {
  const grid = gridOf(broadcast.fps);
  const division = divisionOf(grid, broadcast.profile);
  const random = seeded(n + rendition.id.length + salt);
  const fragments = Array.from({ length: division.fragments }, (_, k) => {
    const expected = expectedOfFragment(grid, division, rendition.kind, segmentNumber(n), k);
    const samples = Array.from({ length: expected.samples }, (__, i) => ({
      duration: expected.sampleDuration,
      isSync: k === 0 && i === 0,
      compositionOffset: 0,
      data: Buffer.alloc(50, Math.floor(random() * 256)),
    }));
    return mediaFragment(1, [{ trackId: 1, decodeTime: expected.decodeTime, samples }]).bytes;
  });
  return { init: initOf(broadcast.fps, rendition), fragments };
}

/** All renditions of a segment made of fragments. */
export const fragmentedObjectsOf = (
  broadcast: Broadcast,
  n: number,
  salt = 0,
): Map<string, SegmentBytes> =>
  new Map(
    broadcast.renditions.map((rendition) => {
      const { init, fragments } = fragmentsOf(broadcast, rendition, n, salt);
      return [rendition.id, { init, data: Buffer.concat(fragments) }];
    }),
  );
