/** The channel's log as a Redis Stream: appending, fenced marks, and one blocking read over many channels. */
import {
  logEntrySchema,
  logText,
  type IngestEntry,
  type LogEntry,
  type MarkEntry,
} from './contracts/log.ts';
import { redisKeys } from './contracts/names.ts';
import { PipelineError } from './errors.ts';
import { execute, type ChainableCommander, type Redis } from './redis.ts';

/** What wakes a reader that died is gone after so long, real milliseconds. */
const WAKE_KEPT_MS = 10_000;

/** The scheduler leader's lease; marks carry its epoch and are refused once it is lost. */
export interface Lease {
  readonly epoch: number;
  readonly holder: string;
}

/** One entry of the log with its stream id. */
export interface LogRecord {
  readonly id: string;
  /** Null when it is no entry of ours: readers skip it, for it will never become one. */
  readonly entry: LogEntry | null;
}

/** The lease's value in Redis. */
export const leaseValue = (lease: Lease): string => `${lease.epoch}:${lease.holder}`;

/** The holder of a lease's value. */
export const holderOf = (value: string): string => value.slice(value.indexOf(':') + 1);

/** Queues an entry of ingest's onto a pipeline. */
export function appendToLog(
  pipeline: ChainableCommander,
  channel: string,
  entry: IngestEntry,
): void {
  pipeline.xadd(redisKeys.log(channel), '*', 'e', logText(entry));
}

const APPEND_MARKS = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local id = false
for i = 2, #ARGV do id = redis.call('XADD', KEYS[2], '*', 'e', ARGV[i]) end
return id`;

/**
 * Appends the leader's marks, one at least, all or none.
 * @returns the id of the last
 * @throws PipelineError `LEASE_LOST` when another scheduler leads
 */
export async function appendMarks(
  redis: Redis,
  channel: string,
  lease: Lease,
  marks: readonly MarkEntry[],
): Promise<string> {
  const last = await redis.eval(
    APPEND_MARKS,
    2,
    redisKeys.lease,
    redisKeys.log(channel),
    leaseValue(lease),
    ...marks.map(logText),
  );
  if (typeof last !== 'string') {
    throw new PipelineError('LEASE_LOST', 'another scheduler leads; this one stops deciding');
  }
  return last;
}

/** The id that comes before every other. */
export const BEFORE_ALL = '0-0';

/** The id of a log's newest entry; {@link BEFORE_ALL} where it has none. */
export async function newestLogId(redis: Redis, channel: string): Promise<string> {
  const [newest] = await redis.xrevrange(redisKeys.log(channel), '+', '-', 'COUNT', 1);
  return newest?.[0] ?? BEFORE_ALL;
}

/** Whether an entry with id `a` comes before the one with id `b`. */
export function isBefore(a: string, b: string): boolean {
  const [aTime = 0, aCount = 0] = a.split('-').map(Number);
  const [bTime = 0, bCount = 0] = b.split('-').map(Number);
  return aTime < bTime || (aTime === bTime && aCount < bCount);
}

/** Ends the waits of {@link readLog} that name this key, now or within some seconds. */
export async function wakeReader(redis: Redis, wakeKey: string): Promise<void> {
  await execute(redis.pipeline().xadd(wakeKey, '*', 'w', '1').pexpire(wakeKey, WAKE_KEPT_MS));
}

/** Waits that begin from now on are not ended by what woke those before. */
export async function forgetWake(redis: Redis, wakeKey: string): Promise<void> {
  await redis.del(wakeKey);
}

/**
 * Reads what follows the given ids, over several channels at once; waits up to `blockMs` when nothing does.
 * Needs a connection of its own. A channel without news is absent from the answer.
 * @param options.wakeKey a stream whose entries end the wait, too: see {@link wakeReader}
 */
export async function readLog(
  redis: Redis,
  after: ReadonlyMap<string, string>,
  options: { readonly blockMs: number; readonly count: number; readonly wakeKey?: string },
): Promise<Map<string, LogRecord[]>> {
  const channels = [...after.keys()];
  const wake = options.wakeKey === undefined ? [] : [options.wakeKey];
  const answer = await redis.xread(
    'COUNT',
    options.count,
    'BLOCK',
    Math.max(1, Math.round(options.blockMs)),
    'STREAMS',
    ...channels.map(redisKeys.log),
    ...wake,
    ...after.values(),
    ...wake.map(() => BEFORE_ALL),
  );
  const news = new Map<string, LogRecord[]>();
  const byKey = new Map(channels.map((channel) => [redisKeys.log(channel), channel]));
  for (const [key, entries] of answer ?? []) {
    const channel = byKey.get(key);
    if (channel !== undefined) {
      news.set(channel, entries.map(parseRecord));
    }
  }
  return news;
}

function parseRecord([id, fields]: [string, string[]]): LogRecord {
  try {
    return { id, entry: logEntrySchema.parse(JSON.parse(fields[1] ?? 'null')) };
  } catch {
    return { id, entry: null };
  }
}
