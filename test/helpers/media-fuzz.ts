/**
 * Mutated media through ingest's parsers and map, and what passes them through the worker's one function, verified as
 * the origin verifies results. Everything follows from a seed.
 */
import { createHash } from 'node:crypto';
import type { AudioFrame, CodedFrame } from '#common/contracts/frame';
import type { Rendition } from '#common/contracts/rendition';
import type { Broadcast, Result } from '#common/contracts/segment';
import type { Task } from '#common/contracts/task';
import { PipelineError } from '#common/errors';
import { firstWholeSegment, gridOf, type FpsName, type Grid } from '#common/grid';
import { milliseconds, type SegmentNumber } from '#common/time';
import { verifyResult } from '../../aggregator/verify.ts';
import { FeedSource } from '../../ingest/feed/feed-source.ts';
import {
  SessionMap,
  type MappedPacket,
  type MediaPacket,
} from '../../ingest/mapping/session-map.ts';
import type { SoundSource } from '../../transcoder/sound-plan.ts';
import { transcode, type Encoder, type Transcoded } from '../../transcoder/transcode.ts';
import { runSource, sessionSource } from '../integration/transcoder-harness.ts';
import { runOk, words } from './child.ts';
import { FLV_TAG, readFlv, type FlvTag } from './flv.ts';
import { MUTATIONS } from './media-mutation.ts';
import { seeded } from './seeded.ts';

/** The fewest frames a segment may have, so that a round is short. */
const FPS = '24';
const GRID = gridOf(FPS);
const START = 1_795_000_000_000;
const RENDITIONS: readonly Rendition[] = [
  {
    kind: 'video',
    id: 'v64',
    width: 64,
    height: 64,
    maxBitrateBps: 300_000,
    preset: 'ultrafast',
    codecs: 'avc1.64001e',
  },
  { kind: 'audio', id: 'a64', bitrateBps: 64_000, codecs: 'mp4a.40.2' },
];
const REFUSALS = new Set(['BAD_MEDIA', 'UNSUPPORTED_MEDIA']);
const FAILURES = new Set(['BAD_MEDIA', 'ENCODER_FAILED', 'INPUT_MISSING']);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const hashesOf = (made: Transcoded | undefined): string =>
  (made?.segments ?? []).map(({ init, data }) => sha256(init) + sha256(data)).join(' ');

/** What became of one mutated feed. */
export interface FuzzOutcome {
  readonly mutation: string;
  /** `refused` by ingest, `empty`: nothing to show, `filler`: the task failed, `made`: a whole and right segment. */
  readonly outcome: 'refused' | 'empty' | 'filler' | 'made';
  readonly code: string;
  readonly reason: string;
  readonly milliseconds: number;
}

/** Three seconds of a small picture and sound. */
export async function fuzzClip(): Promise<FlvTag[]> {
  const { stdout } = await runOk(
    'ffmpeg',
    words`-v error -f lavfi -i testsrc2=size=64x64:rate=24 -f lavfi -i sine=sample_rate=48000
      -t 4.5 -c:v libx264 -preset veryfast -g 24 -bf 2 -refs 3 -c:a aac -ac 2 -f flv pipe:1`,
  );
  return readFlv(stdout);
}

/** Coded frames as ingest gives them, mapped by arrival. @throws what ingest throws at a publisher */
export function ingested(tags: readonly FlvTag[], arrivalOf: (n: number) => number): CodedFrame[] {
  const source = new FeedSource();
  const packets: MediaPacket[] = tags.flatMap((tag, n) => {
    const type =
      tag.type === FLV_TAG.audio ? 'audio' : tag.type === FLV_TAG.video ? 'video' : 'script';
    return source.take(type, tag.timestamp, tag.data, START + arrivalOf(n)) ?? [];
  });
  const map = new SessionMap(GRID, undefined);
  const mapped = map.begin(packets.slice(0, 40));
  for (const packet of packets.slice(40)) {
    mapped.push(...map.push(packet));
  }
  mapped.push(...map.end());
  return mapped.map(frameOf);
}

function frameOf(item: MappedPacket, seq: number): CodedFrame {
  if (item.kind === 'video') {
    const { flags, data } = item.packet;
    return { kind: 'video', seq, index: item.index, dts: item.dts, flags, data };
  }
  const { rate, channels, bytes } = item.packet.config;
  const { origin, k } = item;
  return { kind: 'audio', seq, origin, k, rate, channels, config: bytes, data: item.packet.data };
}

/** The sound of segment `n`: what its runs have for it. */
function soundsOf(grid: Grid, n: number, frames: readonly CodedFrame[]): SoundSource[] {
  const runs = new Map<string, AudioFrame[]>();
  for (const frame of frames) {
    if (frame.kind === 'audio') {
      const key = `${frame.origin} ${frame.rate}`;
      const run = runs.get(key) ?? [];
      run.push(frame);
      runs.set(key, run);
    }
  }
  return [...runs.values()]
    .map((run) => runSource(grid, n, run))
    .filter(({ span }) => span.firstK <= span.lastK);
}

/** Makes the middle segment of what was ingested; undefined when no picture of it can be shown. */
export async function made(
  frames: readonly CodedFrame[],
  encoder: Encoder,
  fps: FpsName = FPS,
): Promise<{ n: SegmentNumber; transcoded: Transcoded } | undefined> {
  const grid = gridOf(fps);
  const pictures = frames.flatMap((frame) => (frame.kind === 'video' ? [frame] : []));
  const start = pictures.find(({ flags }) => flags !== 0);
  if (start === undefined) {
    return undefined;
  }
  const n = firstWholeSegment(grid, start.index);
  const input = {
    pictures: [sessionSource(grid, n, pictures)],
    sounds: soundsOf(grid, n, frames),
  };
  const task = { n, fps, renditions: [...RENDITIONS] } satisfies Partial<Task>;
  return { n, transcoded: await transcode(task, input, encoder) };
}

/** Verifies as the origin does. @throws PipelineError BAD_MEDIA */
export function verify(
  n: SegmentNumber,
  { segments }: Transcoded,
  inits: ReadonlyMap<string, string>,
  fps: FpsName = FPS,
): void {
  const broadcast: Broadcast = {
    channel: 'fuzz',
    broadcast: n,
    fps,
    profile: 'standard',
    renditions: [...RENDITIONS],
    sheds: [],
    dvrSeconds: 60,
    startedAt: milliseconds(0),
    last: null,
  };
  const result: Result = {
    channel: 'fuzz',
    broadcast: n,
    n,
    taskHash: '',
    fingerprint: '',
    worker: 'w',
    made: segments.map(({ rendition, init, data, frames, first, end }) => ({
      rendition,
      bytes: data.byteLength,
      sha256: sha256(data),
      frames,
      first,
      end,
      initSha256: sha256(init),
      hotId: '0-1',
    })),
  };
  verifyResult(broadcast, result, new Map(segments.map((item) => [item.rendition, item])), inits);
}

/** The init segments that a clean feed's broadcast has, by rendition. */
export async function cleanInits(
  clip: readonly FlvTag[],
  encoder: Encoder,
): Promise<ReadonlyMap<string, string>> {
  const clean = await made(
    ingested(clip, (i) => clip[i]?.timestamp ?? 0),
    encoder,
  );
  if (clean === undefined) {
    throw new Error('the clean clip cannot be shown');
  }
  verify(clean.n, clean.transcoded, new Map());
  return new Map(clean.transcoded.segments.map(({ rendition, init }) => [rendition, sha256(init)]));
}

/**
 * One round: the clip mutated in the way that `round` names, with randomness of `seed` and `round`.
 * @throws whatever is not an error of the kinds that ingest and workers may give, or a segment that is not right
 */
export async function fuzzRound(
  clip: readonly FlvTag[],
  round: number,
  seed: number,
  deps: {
    readonly encoder: Encoder;
    readonly inits: ReadonlyMap<string, string>;
    /** Makes the segment again and compares. */
    readonly isTwice: boolean;
  },
): Promise<FuzzOutcome> {
  const names = Object.keys(MUTATIONS);
  const mutation = names[round % names.length] ?? '';
  const random = seeded(seed * 1000 + round);
  const began = performance.now();
  const ended = (outcome: FuzzOutcome['outcome'], code = '', reason = ''): FuzzOutcome => {
    const milliseconds = Math.round(performance.now() - began);
    return { mutation, outcome, code, reason, milliseconds };
  };
  const arrivals: number[] = [];
  const tags = clip.flatMap((tag) => {
    const edited = MUTATIONS[mutation]?.(tag, random) ?? [];
    arrivals.push(...edited.map(() => tag.timestamp));
    return edited;
  });
  let frames: CodedFrame[];
  try {
    frames = ingested(tags, (n) => arrivals[n] ?? 0);
  } catch (error) {
    if (error instanceof PipelineError && REFUSALS.has(error.code)) {
      return ended('refused', error.code, error.message);
    }
    throw error;
  }
  try {
    const segment = await made(frames, deps.encoder);
    if (segment === undefined) {
      return ended('empty');
    }
    verify(segment.n, segment.transcoded, deps.inits);
    const again = deps.isTwice ? await made(frames, deps.encoder) : segment;
    if (hashesOf(again?.transcoded) !== hashesOf(segment.transcoded)) {
      throw new Error(`seed ${seed}, round ${round}, ${mutation}: other bytes the second time`);
    }
    return ended('made');
  } catch (error) {
    if (error instanceof PipelineError && FAILURES.has(error.code)) {
      return ended('filler', error.code, error.message);
    }
    throw error;
  }
}
