/** Publishes a clip's tags at a chosen pace, with chosen faults in their timestamps. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { isSequenceHeader, FLV_TAG, readFlv, type FlvTag } from './flv.ts';
import { RtmpPublisher, type PublishTarget, type ServerStatus } from './rtmp-publisher.ts';
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
  /** One track is sent so much after the other one's of the same time, milliseconds. */
  readonly behind?: { readonly track: 'pictures' | 'sound'; readonly ms: number };
  /** Stops after this much of the clip, milliseconds. */
  readonly untilMs?: number;
  /** Refused, it tries again for this long, milliseconds: ingest hears of a new key a moment after the API's answer. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/** How punctual a sender was, milliseconds: what a feed lost is then no riddle. */
export interface Punctuality {
  /** Longest time that it woke after a tag was due, having waited for nothing but the clock. */
  readonly lateMs: number;
  /** Longest time that the server took no more bytes. */
  readonly blockedMs: number;
}

/** The connection of a publication. */
export interface Publisher {
  /** Whether the connection is gone. */
  readonly isClosed: boolean;
  /** Every status the server sent, in order. */
  readonly statuses: readonly ServerStatus[];
  /** Says goodbye as encoders do, and closes. */
  stop(): Promise<void>;
  /** Drops the connection without a word. */
  drop(): void;
}

/** A publication under way. */
export interface Publication {
  readonly publisher: Publisher;
  /** Wall clock at which the clip's zero is sent. */
  readonly startedAt: number;
  /** Resolves once the last tag has been sent; the connection stays open. */
  readonly sent: Promise<Punctuality>;
}

/** A tag, and when to send it: milliseconds after the start at rate 1. */
export interface TimedTag {
  readonly tag: FlvTag;
  readonly at: number;
}

/** What a sender in a process of its own is told, serialized, on its standard input. */
export interface FeedOrder {
  readonly tags: readonly TimedTag[];
  readonly target: PublishTarget;
  readonly pace: Omit<Pace, 'signal' | 'keeps'>;
}

/** What it says while it works. */
export type FeedNews =
  | { readonly t: 'started'; readonly startedAt: number }
  | { readonly t: 'sent'; readonly punctuality: Punctuality }
  | { readonly t: 'status'; readonly status: ServerStatus }
  | { readonly t: 'closed' }
  | { readonly t: 'failed'; readonly message: string };

/** What it can be told meanwhile: to send no more, to say goodbye, to be gone. */
export type FeedCommand = 'halt' | 'stop' | 'drop';

/**
 * Connects, and sends the file's tags in a process of its own: nothing that a test computes makes a feed late.
 * @throws Error with the server's status code when it refuses
 */
export async function publishClip(
  file: string,
  target: PublishTarget,
  pace: Pace = {},
): Promise<Publication> {
  return publishFeed(withFaults(readFlv(await readFile(file)), pace), target, pace);
}

/**
 * The same for tags that lie in no file.
 * @throws Error with the server's status code when it refuses
 */
export async function publishFeed(
  tags: readonly TimedTag[],
  target: PublishTarget,
  pace: Pace = {},
): Promise<Publication> {
  const { signal, keeps: _keeps, ...rest } = pace;
  const order: FeedOrder = { tags, target, pace: rest };
  const child = fork(fileURLToPath(new URL('feed-main.ts', import.meta.url)), [], {
    execArgv: ['--import', 'tsx'],
    env: { PATH: process.env['PATH'] },
    stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  });
  // It may end before it has read all.
  child.stdin?.on('error', () => undefined).end(serialize(order));
  const feed = new FeedProcess(child);
  const halt = (): void => {
    feed.tell('halt');
  };
  signal?.addEventListener('abort', halt, { once: true });
  const startedAt = await feed.started;
  return { publisher: feed, startedAt, sent: feed.sent };
}

/** The same in this process, whose other work may make it late. */
export async function publishHere(
  file: string,
  target: PublishTarget,
  pace: Pace = {},
): Promise<Publication> {
  return publishTags(withFaults(readFlv(await readFile(file)), pace), target, pace);
}

/** Connects, and sends tags in the background. */
export async function publishTags(
  tags: readonly TimedTag[],
  target: PublishTarget,
  pace: Pace,
): Promise<Publication> {
  const publisher = await publishPatiently(target, pace.patienceMs ?? 0);
  if (pace.phase !== undefined) {
    await reachPhase(pace.phase);
  }
  const startedAt = Date.now();
  const sent = sendAll(publisher, tags, pace);
  // Whoever awaits `sent` sees the error; until then it must not end the process.
  sent.catch(() => undefined);
  return { publisher, startedAt, sent };
}

/** Asked again this often when refused. */
const AGAIN_MS = 100;

async function publishPatiently(target: PublishTarget, patienceMs: number): Promise<RtmpPublisher> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await RtmpPublisher.publish(target);
    } catch (error) {
      if (performance.now() >= deadline) {
        throw error;
      }
    }
    await delay(AGAIN_MS);
  }
}

/** The sender's process, seen from the test's. */
class FeedProcess implements Publisher {
  readonly statuses: ServerStatus[] = [];
  /** Wall clock at which the clip's zero was sent. */
  readonly started: Promise<number>;
  readonly sent: Promise<Punctuality>;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #isClosed = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, 'exit');
    this.started = this.#news((news) => (news.t === 'started' ? news.startedAt : undefined));
    this.sent = this.#news((news) => (news.t === 'sent' ? news.punctuality : undefined));
    // Whoever awaits it sees the error; until then it must not end the process.
    this.sent.catch(() => undefined);
    child.on('message', (news: FeedNews) => {
      if (news.t === 'status') {
        this.statuses.push(news.status);
      }
      this.#isClosed ||= news.t === 'closed' || news.t === 'failed';
    });
  }

  /** The first answer that some news give. */
  async #news<T>(answer: (news: FeedNews) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#child.on('message', (news: FeedNews) => {
        const found = answer(news);
        if (found !== undefined) {
          resolve(found);
        } else if (news.t === 'failed') {
          reject(new Error(news.message));
        }
      });
      this.#child.on('error', reject);
      this.#child.on('exit', (code, signal) => {
        this.#isClosed = true;
        reject(new Error(`the feed's process ended with ${code ?? signal}`));
      });
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  tell(command: FeedCommand): void {
    if (this.#child.connected) {
      this.#child.send(command, () => undefined);
    }
  }

  async stop(): Promise<void> {
    this.tell('stop');
    await this.#ended;
  }

  drop(): void {
    this.tell('drop');
  }
}

/** Jitter and drift change timestamps; the order of a track's tags stays, and decode times still grow. */
export function withFaults(tags: readonly FlvTag[], pace: Pace): TimedTag[] {
  const random = seeded(99);
  const jitter = pace.jitterMs ?? 0;
  const fast = 1 + (pace.driftPpm ?? 0) / 1e6;
  let last = -1;
  const lateType = pace.behind?.track === 'sound' ? FLV_TAG.audio : FLV_TAG.video;
  const behind = (tag: FlvTag): number =>
    tag.type === lateType && !isSequenceHeader(tag) ? (pace.behind?.ms ?? 0) : 0;
  const timed = tags
    .filter((tag) => tag.timestamp <= (pace.untilMs ?? Infinity) && (pace.keeps?.(tag) ?? true))
    .map((tag) => {
      const isJittered = tag.type === FLV_TAG.video && !isSequenceHeader(tag) && jitter > 0;
      const wander = isJittered ? (random() * 2 - 1) * jitter : 0;
      let timestamp = Math.max(0, Math.round(tag.timestamp * fast + wander));
      if (tag.type === FLV_TAG.video && !isSequenceHeader(tag)) {
        timestamp = Math.max(timestamp, last + 1);
        last = timestamp;
      }
      const at = Math.max(0, tag.timestamp + (isJittered ? random() * jitter : 0)) + behind(tag);
      const { fromMs = Infinity, ms = 0 } = pace.stall ?? {};
      const isStalled = at >= fromMs && at < fromMs + ms;
      return { tag: { ...tag, timestamp }, at: isStalled ? fromMs + ms : at };
    });
  return pace.behind === undefined ? timed : timed.sort((a, b) => a.at - b.at);
}

async function sendAll(
  publisher: RtmpPublisher,
  tags: readonly TimedTag[],
  pace: Pace,
): Promise<Punctuality> {
  const rate = pace.rate ?? 1;
  const start = performance.now();
  let [lateMs, blockedMs] = [0, 0];
  for (const { tag, at } of tags) {
    const due = start + Math.max(0, at - (pace.burstMs ?? 0)) / rate;
    const wait = due - performance.now();
    if (wait > 1) {
      await delay(wait, undefined, pace.signal === undefined ? {} : { signal: pace.signal });
      lateMs = Math.max(lateMs, performance.now() - due);
    }
    if (publisher.isClosed) {
      throw new Error(`server closed: ${publisher.statuses.at(-1)?.code ?? 'no status'}`);
    }
    const before = performance.now();
    await publisher.send(tag);
    blockedMs = Math.max(blockedMs, performance.now() - before);
  }
  return { lateMs, blockedMs };
}

async function reachPhase({ ms, ofMs }: NonNullable<Pace['phase']>): Promise<void> {
  const now = performance.timeOrigin + performance.now();
  const wait = (((ms - now) % ofMs) + ofMs) % ofMs;
  await delay(Math.max(0, wait - 2));
  while (performance.timeOrigin + performance.now() < now + wait) {
    // The last two milliseconds are spun away: a timer is not that exact.
  }
}
