/**
 * What Redis and the disk may hold at most while a soak runs, each bound with where it comes from. Pure arithmetic over
 * the channel's settings and the limits that services keep to.
 */

/** What the bounds depend on. */
export interface Load {
  /** Clock seconds in a real one. */
  readonly rate: number;
  readonly dvrSeconds: number;
  readonly segmentSeconds: number;
  /** What the publisher sends, frames of picture and sound together. */
  readonly feed: { readonly bps: number; readonly framesPerSecond: number };
  readonly renditions: number;
  /** Channels that have been on air. */
  readonly channels: number;
  /** Clock seconds from one publish to the next; undefined when there is one publish only. */
  readonly cycleSeconds: number | undefined;
  readonly processes: number;
}

/** A kind of key with its bounds. */
export interface KeyFamily {
  readonly name: string;
  readonly pattern: RegExp;
  /** Keys of this kind at a time. */
  readonly keys: number;
  /** Entries, members or fields of the largest; undefined: a string or a job. */
  readonly length: number | undefined;
  readonly why: string;
}

/** A stream trimmed with `~` keeps up to a node more: Redis's stream-node-max-entries. */
const NODE_ENTRIES = 100;
/** Hot streams expire this long after the last write, real seconds. */
const HOT_EXPIRY_SECONDS = 120;
/** A session's hot stream covers this, trimmed every second; publishing may lag behind by a few. */
const HOT_FRAMES_SECONDS = 20 + 1 + 4;
const CHECKPOINT_SECONDS = 30;
/** Batches of ingest's, 100 ms each, and the leader's marks. */
const LOG_ENTRIES_PER_SECOND = 10 + 2;
const QUEUES = 3;
/** Jobs of a queue: kept ones, and those on their way. */
const JOBS = { completed: 200, failed: 1_000, open: 64 };
const QUEUE_EVENTS = 10_000;

/** Sessions whose hot stream is still there. */
export function hotSessions({ rate, cycleSeconds, channels }: Load): number {
  return cycleSeconds === undefined
    ? channels
    : channels * (2 + Math.ceil((HOT_EXPIRY_SECONDS * rate) / cycleSeconds));
}

/** Every kind of key there may be. */
export function keyFamilies(load: Load): KeyFamily[] {
  const { channels, dvrSeconds, segmentSeconds, feed, renditions } = load;
  const window = Math.max(3, Math.ceil(dvrSeconds / segmentSeconds));
  const perChannel = (
    name: string,
    prefix: string,
    length: number | undefined,
    why: string,
  ): KeyFamily => ({
    name,
    pattern: new RegExp(`^${prefix}:\\{[^}]+\\}$`),
    keys: channels,
    length,
    why,
  });
  const queue = (
    name: string,
    suffix: string,
    keys: number,
    length: number | undefined,
    why: string,
  ): KeyFamily => ({
    name: `bull ${name}`,
    pattern: new RegExp(`^\\{touchline\\}:(chunks|transcode|segments):${suffix}$`),
    keys: keys * QUEUES,
    length,
    why,
  });
  return [
    perChannel(
      'log',
      'log',
      Math.ceil((dvrSeconds + CHECKPOINT_SECONDS + 5) * LOG_ENTRIES_PER_SECOND) + NODE_ENTRIES,
      'DVR window and one checkpoint, 12 entries a second',
    ),
    {
      name: 'hot in',
      pattern: /^hot:\{[^}]+\}:in:/,
      keys: hotSessions(load),
      length: Math.ceil(HOT_FRAMES_SECONDS * feed.framesPerSecond) + NODE_ENTRIES,
      why: '20 s of frames; gone 120 s after the session',
    },
    {
      name: 'hot out',
      pattern: /^hot:\{[^}]+\}:out:/,
      keys: channels * renditions,
      length: 8,
      why: '8 segments a rendition',
    },
    perChannel('published', 'published', window + 16 + NODE_ENTRIES, 'DVR window and 16'),
    perChannel('accepted', 'accepted', 64, 'results that wait for an earlier number'),
    perChannel(
      'declared, checkpoint',
      '(declared|plan)',
      undefined,
      'two a channel, `main` has one',
    ),
    {
      name: 'tables',
      pattern:
        /^(channels|channel-fps|chunks-stored|feeds|origin|services|scheduler:(air|end-asked))$/,
      keys: 8,
      length: Math.max(channels + 2, 2 * load.processes),
      why: 'a field a channel or service',
    },
    {
      name: 'lease, life',
      pattern: /^(scheduler:(lease|epoch|status)|control:sessions-ended|life)$/,
      keys: 5,
      length: undefined,
      why: '',
    },
    perChannel('fillers', 'fillers', 30, 'the last that became filler; gone after 10 minutes'),
    queue('events', 'events', 1, QUEUE_EVENTS + NODE_ENTRIES, 'capped at 10,000'),
    queue('completed', 'completed', 1, JOBS.completed, 'the last 200'),
    queue('failed', 'failed', 1, JOBS.failed, 'the last 1,000 of a day'),
    queue(
      'lists',
      '(active|wait|paused|prioritized|delayed|waiting-children|stalled)',
      7,
      JOBS.open,
      'jobs on their way',
    ),
    queue('meta', '(meta|id|pc|marker|stalled-check|limiter|repeat)', 7, undefined, ''),
    queue(
      'jobs',
      '[^:]+(:lock)?',
      JOBS.completed + 2 * JOBS.open,
      undefined,
      'kept jobs and those on their way',
    ),
  ].map((family) =>
    family.name === 'declared, checkpoint' ? { ...family, keys: 2 * channels + 1 } : family,
  );
}

const MIB = 1024 ** 2;
/** Streams cost this much of their payload again: nodes, ids, field names. */
const STREAM_OVERHEAD = 1.4;
const BYTES = { idle: 4 * MIB, logEntry: 700, published: 2_000, job: 6_000, event: 400 };
/** No segment of a broadcast in a soak is larger than this much of its rate. */
const PEAK = 2;

/** Most bytes of Redis's `used_memory`. */
export function redisBytes(load: Load, mediaBps: number): number {
  const { channels, feed, segmentSeconds } = load;
  const length = (name: string): number =>
    keyFamilies(load).find((family) => family.name === name)?.length ?? 0;
  const hotIn = hotSessions(load) * HOT_FRAMES_SECONDS * (feed.bps / 8) * STREAM_OVERHEAD;
  const hotOut = channels * 9 * segmentSeconds * (mediaBps / 8) * PEAK * STREAM_OVERHEAD;
  const log = channels * length('log') * BYTES.logEntry;
  const published = channels * length('published') * BYTES.published;
  const jobs = QUEUES * (JOBS.completed + JOBS.open) * BYTES.job;
  const events = QUEUES * QUEUE_EVENTS * BYTES.event;
  return Math.ceil(BYTES.idle + hotIn + hotOut + log + published + jobs + events);
}

/** A bound of a folder in `DATA_DIR`. */
export interface DiskBound {
  readonly folder: string;
  readonly bytes: number;
  readonly why: string;
}

const AOF_REWRITE_MIN = 64 * MIB;
const LOG_FILE = 10 * MIB;
/** Chunks of a session on disk: the open one, those being stored, and a margin for a slow moment. */
const SPOOLED_CHUNKS = 10;

/**
 * Bounds of every folder but the store, which grows by design.
 * @param redisUsed the most memory that Redis used: what its log is rewritten to is never larger
 */
export function diskBounds(load: Load, redisUsed: number): DiskBound[] {
  const chunk = (load.feed.bps / 8) * load.segmentSeconds;
  return [
    {
      folder: 'ingest-spool',
      // Rows beside the media are of its size when pictures are small.
      bytes: Math.ceil(load.channels * SPOOLED_CHUNKS * chunk * 3),
      why: `${SPOOLED_CHUNKS} chunks with their rows`,
    },
    {
      folder: 'redis',
      bytes: Math.max(AOF_REWRITE_MIN, 2 * redisUsed) + 2 * redisUsed,
      why: 'the log is rewritten at 64 MiB and twice its base; beside it the new one, and what comes meanwhile',
    },
    {
      folder: 'logs',
      bytes: 2 * LOG_FILE * (load.processes + 1),
      why: 'two files of 10 MiB a process',
    },
    { folder: 'files', bytes: MIB, why: 'keys, lock' },
  ];
}
