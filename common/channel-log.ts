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
import type { ChainableCommander, Redis } from './redis.ts';

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

/** Queues an entry of ingest's onto a pipeline. */
export function appendToLog(
  pipeline: ChainableCommander,
  channel: string,
  entry: IngestEntry,
): void {
  pipeline.xadd(redisKeys.log(channel), '*', 'e', logText(entry));
}

const APPEND_MARKS = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
for i = 2, #ARGV do redis.call('XADD', KEYS[2], '*', 'e', ARGV[i]) end
return 1`;

/**
 * Appends the leader's marks, all or none.
 * @throws PipelineError `LEASE_LOST` when another scheduler leads
 */
export async function appendMarks(
  redis: Redis,
  channel: string,
  lease: Lease,
  marks: readonly MarkEntry[],
): Promise<void> {
  const appended = await redis.eval(
    APPEND_MARKS,
    2,
    redisKeys.lease,
    redisKeys.log(channel),
    leaseValue(lease),
    ...marks.map(logText),
  );
  if (appended !== 1) {
    throw new PipelineError('LEASE_LOST', 'another scheduler leads; this one stops deciding');
  }
}

/**
 * Reads what follows the given ids, over several channels at once; waits up to `blockMs` when nothing does.
 * Needs a connection of its own. A channel without news is absent from the answer.
 */
export async function readLog(
  redis: Redis,
  after: ReadonlyMap<string, string>,
  options: { readonly blockMs: number; readonly count: number },
): Promise<Map<string, LogRecord[]>> {
  const channels = [...after.keys()];
  const answer = await redis.xread(
    'COUNT',
    options.count,
    'BLOCK',
    Math.max(1, Math.round(options.blockMs)),
    'STREAMS',
    ...channels.map(redisKeys.log),
    ...after.values(),
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
