/** RTMP under attack, with an honest publisher beside it: targeted sessions, mutated ones, half-open handshakes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FlvTag } from '../helpers/flv.ts';
import { eventually } from '../helpers/poll.ts';
import { seeded } from '../helpers/seeded.ts';
import { keyOf, startIngestProcess, type IngestProcess } from './ingest-process.ts';
import { ATTACKS } from './rtmp-attacks.ts';
import { HELLO, validSession } from './rtmp-bytes.ts';
import { mutate, type Random } from './rtmp-mutations.ts';
import { openHalf, sendPieces, type Seen } from './rtmp-peer.ts';
import { makeClip, startSteadyFeed } from './steady-feed.ts';

/** How much of an attack. */
export interface AttackSize {
  readonly seed: number;
  /** Mutated connections before memory is measured, and after. */
  readonly first: number;
  readonly mutated: number;
  readonly guesses: number;
  readonly halfOpen: number;
  /** Length of the honest publisher's clip, seconds; the attacks must be over before it is. */
  readonly seconds: number;
}

/** What came of it. */
export interface AttackReport {
  readonly targeted: ReadonlyMap<string, Seen>;
  readonly isAlive: boolean;
  /** Of the honest publisher: whether it was disconnected, frames it sent, and frames that arrived. */
  readonly isDisturbed: boolean;
  readonly sent: number;
  readonly logged: number;
  readonly stored: number;
  readonly sessions: number;
  /** Bytes in use, bytes resident and open files before and after. */
  readonly kept: readonly [number, number];
  readonly rss: readonly [number, number];
  readonly files: readonly [number, number];
  /** Milliseconds until an honest publisher was on air, in the midst of key guessing and of half-open handshakes. */
  readonly connectedAmidGuesses: number;
  readonly connectedAmidHalfOpen: number;
  /** Half-open handshakes at the moment it was on air, and the longest life of one: the server closed every one. */
  readonly halfOpenOnAir: number;
  readonly longestHalfOpen: number;
  /** Lines that ingest logged, and how often a stream key was among them. */
  readonly logLines: number;
  readonly keysInLog: number;
}

const LIVE = 'main';
const SECOND = 'second';
const TARGETED = ATTACKS.map((_, i) => `target-${i}`);
const FUZZED = Array.from({ length: 16 }, (_, i) => `fuzz-${i}`);
const AT_ONCE = 16;
const PATIENCE = 2500;
/** Memory is back where it was. */
const TOLERANCE = 1.1;
const SETTLE_MS = 60_000;

/** An address of this machine's own network, of its 16 million. */
const anyAddress = (random: Random): string =>
  `127.${[0, 1, 2].map(() => 1 + Math.floor(random() * 254)).join('.')}`;

/** Runs everything; needs a build. */
export async function attackRtmp(size: AttackSize): Promise<AttackReport> {
  const clip = await makeClip(size.seconds);
  const ingest = await startIngestProcess([LIVE, SECOND, ...TARGETED, ...FUZZED]);
  try {
    return await attack(ingest, clip, size);
  } finally {
    await ingest.close();
  }
}

async function attack(
  ingest: IngestProcess,
  clip: readonly FlvTag[],
  size: AttackSize,
): Promise<AttackReport> {
  const { port } = ingest;
  const random = seeded(size.seed);
  const feed = await startSteadyFeed(clip, { port, key: keyOf(LIVE) });
  const half = await openHalves(ingest, clip, size.halfOpen);
  // A first round, so that heap and allocator have the size that floods give them once; what leaks grows on after it.
  await sendTargeted(ingest, clip, random);
  await sendMutated(ingest, clip, random, size.first);
  await guessKeys(ingest, clip, size.guesses / 4);
  const before = await ingest.usage();

  const targeted = await sendTargeted(ingest, clip, random);
  await sendMutated(ingest, clip, random, size.mutated);
  const connectedAmidGuesses = await guessKeys(ingest, clip, size.guesses);

  let after = await ingest.usage();
  const deadline = performance.now() + SETTLE_MS;
  while (
    (after.kept > before.kept * TOLERANCE || after.files > before.files) &&
    performance.now() < deadline
  ) {
    after = await ingest.usage();
  }
  const isDisturbed = feed.isClosed;
  const sent = await feed.stop();
  const received = await eventually(
    'every frame of the honest publisher',
    async () => {
      const found = await ingest.received(LIVE);
      return found.stored >= sent ? found : undefined;
    },
    { timeoutMs: 15_000 },
  ).catch(() => ingest.received(LIVE));
  const output = ingest.output();
  return {
    targeted,
    isAlive: ingest.isAlive,
    isDisturbed,
    sent,
    ...received,
    kept: [before.kept, after.kept],
    rss: [before.rss, after.rss],
    files: [before.files, after.files],
    connectedAmidGuesses,
    ...half,
    logLines: output.split('\n').length,
    keysInLog: output.split(keyOf('')).length - 1,
  };
}

async function sendTargeted(
  ingest: IngestProcess,
  clip: readonly FlvTag[],
  random: Random,
): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>();
  // Made beforehand: what takes long to make would look like a server that does not close.
  const made = ATTACKS.map(({ name, isDeaf = false, bytes }, i) => {
    const means = { key: keyOf(TARGETED[i] ?? ''), liveKey: keyOf(LIVE), clip: clip.slice(0, 60) };
    return { name, isDeaf, pieces: bytes(means) };
  });
  await Promise.all(
    made.map(async ({ name, isDeaf, pieces }) => {
      const options = { port: ingest.port, from: anyAddress(random), isDeaf, patience: PATIENCE };
      seen.set(name, await sendPieces(pieces, options));
    }),
  );
  return seen;
}

async function sendMutated(
  ingest: IngestProcess,
  clip: readonly FlvTag[],
  random: Random,
  count: number,
): Promise<void> {
  let left = count;
  const worker = async (own: string): Promise<void> => {
    while (left > 0 && ingest.isAlive) {
      left -= 1;
      // Not the live channel's key: whoever has it may take over from a publisher that a busy machine holds up for 2 s.
      const key = keyOf(random() < 0.1 ? 'nobody' : own);
      const tags = clip.slice(0, 20 + Math.floor(random() * 60));
      const pieces = mutate(validSession(key, tags), random);
      const from = random() < 0.3 ? '127.0.0.1' : anyAddress(random);
      await sendPieces(pieces, { port: ingest.port, from, isBrief: true, patience: 1000 });
    }
  };
  await Promise.all(FUZZED.slice(0, AT_ONCE).map(worker));
}

/** Guesses keys from the honest publisher's own address. */
async function guessKeys(
  ingest: IngestProcess,
  clip: readonly FlvTag[],
  count: number,
): Promise<number> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const pieces = validSession(`guess-${left}`, clip.slice(0, 2)).slice(0, -2);
      await sendPieces(pieces, { port: ingest.port, patience: 3000 });
    }
  };
  const guessing = Promise.all(Array.from({ length: AT_ONCE }, worker));
  await delay(500);
  const feed = await startSteadyFeed(clip, { port: ingest.port, key: keyOf(SECOND) });
  await guessing;
  await feed.stop();
  return feed.connectedAfter;
}

/** Keeps so many handshakes half open until an honest publisher is on air, then waits until the server has closed them all. */
async function openHalves(
  ingest: IngestProcess,
  clip: readonly FlvTag[],
  count: number,
): Promise<Pick<AttackReport, 'connectedAmidHalfOpen' | 'halfOpenOnAir' | 'longestHalfOpen'>> {
  const starts = [Buffer.alloc(0), HELLO.subarray(0, 1), HELLO.subarray(0, 768)];
  const lives: number[] = [];
  let open = 0;
  let isOver = false;
  const keepOpen = async (_: unknown, i: number): Promise<void> => {
    do {
      open += 1;
      const address = `127.0.0.${1 + (i % 8)}`;
      lives.push(await openHalf(ingest.port, address, starts[i % 3] ?? HELLO));
      open -= 1;
    } while (!isOver);
  };
  const halves = Promise.all(Array.from({ length: count }, keepOpen));
  const opened = startSteadyFeed(clip, { port: ingest.port, key: keyOf(SECOND) });
  const halfOpenOnAir = await opened.then(() => open).finally(() => (isOver = true));
  await halves;
  const feed = await opened;
  await feed.stop();
  return {
    connectedAmidHalfOpen: feed.connectedAfter,
    halfOpenOnAir,
    longestHalfOpen: Math.max(...lives),
  };
}
