/** Publishes a clip's tags at a chosen pace, with chosen faults in their timestamps. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isSequenceHeader, FLV_TAG, readFlv, type FlvTag } from './flv.ts';
import { RtmpPublisher, type PublishTarget } from './rtmp-publisher.ts';
import { seeded } from './seeded.ts';

/** How tags are sent. */
export interface Pace {
  /** Times real time; 1 by default. */
  readonly rate?: number;
  /** Pictures' timestamps and their sending wander by up to this either way, milliseconds. */
  readonly jitterMs?: number;
  /** The publisher's clock runs this many millionths fast. */
  readonly driftPpm?: number;
  /** The first tag is sent when the wall clock is this far into a step of `phaseOf`, milliseconds. */
  readonly phase?: { readonly ms: number; readonly ofMs: number };
  /** This much of the start is sent at once, milliseconds. */
  readonly burstMs?: number;
  /** Whether a tag is sent, asked in order; the others are lost at the encoder. */
  readonly keeps?: (tag: FlvTag) => boolean;
  /** From this much of the clip on nothing is sent for a while; then all of it comes at once. Milliseconds. */
  readonly stall?: { readonly fromMs: number; readonly ms: number };
  /** Stops after this much of the clip, milliseconds. */
  readonly untilMs?: number;
  readonly signal?: AbortSignal;
}

/** A publication under way. */
export interface Publication {
  readonly publisher: RtmpPublisher;
  /** Wall clock at which the clip's zero is sent. */
  readonly startedAt: number;
  /** Resolves once the last tag has been sent; the connection stays open. */
  readonly sent: Promise<void>;
}

/** Connects, and sends the file's tags in the background. */
export async function publishClip(
  file: string,
  target: PublishTarget,
  pace: Pace = {},
): Promise<Publication> {
  const tags = withFaults(readFlv(await readFile(file)), pace);
  const publisher = await RtmpPublisher.publish(target);
  if (pace.phase !== undefined) {
    await reachPhase(pace.phase);
  }
  const startedAt = Date.now();
  const sent = sendAll(publisher, tags, pace);
  // Whoever awaits `sent` sees the error; until then it must not end the process.
  sent.catch(() => undefined);
  return { publisher, startedAt, sent };
}

interface TimedTag {
  readonly tag: FlvTag;
  /** When to send it, milliseconds after the start at rate 1. */
  readonly at: number;
}

/** Jitter and drift change timestamps; the order of tags stays, and decode times still grow. */
export function withFaults(tags: readonly FlvTag[], pace: Pace): TimedTag[] {
  const random = seeded(99);
  const jitter = pace.jitterMs ?? 0;
  const fast = 1 + (pace.driftPpm ?? 0) / 1e6;
  let last = -1;
  return tags
    .filter((tag) => tag.timestamp <= (pace.untilMs ?? Infinity) && (pace.keeps?.(tag) ?? true))
    .map((tag) => {
      const isJittered = tag.type === FLV_TAG.video && !isSequenceHeader(tag) && jitter > 0;
      const wander = isJittered ? (random() * 2 - 1) * jitter : 0;
      let timestamp = Math.max(0, Math.round(tag.timestamp * fast + wander));
      if (tag.type === FLV_TAG.video && !isSequenceHeader(tag)) {
        timestamp = Math.max(timestamp, last + 1);
        last = timestamp;
      }
      const at = Math.max(0, tag.timestamp + (isJittered ? random() * jitter : 0));
      const { fromMs = Infinity, ms = 0 } = pace.stall ?? {};
      const isStalled = at >= fromMs && at < fromMs + ms;
      return { tag: { ...tag, timestamp }, at: isStalled ? fromMs + ms : at };
    });
}

async function sendAll(
  publisher: RtmpPublisher,
  tags: readonly TimedTag[],
  pace: Pace,
): Promise<void> {
  const rate = pace.rate ?? 1;
  const start = performance.now();
  for (const { tag, at } of tags) {
    const due = start + Math.max(0, at - (pace.burstMs ?? 0)) / rate;
    const wait = due - performance.now();
    if (wait > 1) {
      await delay(wait, undefined, pace.signal === undefined ? {} : { signal: pace.signal });
    }
    if (publisher.isClosed) {
      throw new Error(`server closed: ${publisher.statuses.at(-1)?.code ?? 'no status'}`);
    }
    await publisher.send(tag);
  }
}

async function reachPhase({ ms, ofMs }: NonNullable<Pace['phase']>): Promise<void> {
  const now = performance.timeOrigin + performance.now();
  const wait = (((ms - now) % ofMs) + ofMs) % ofMs;
  await delay(Math.max(0, wait - 2));
  while (performance.timeOrigin + performance.now() < now + wait) {
    // The last two milliseconds are spun away: a timer is not that exact.
  }
}
