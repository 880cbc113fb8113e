/** How late a feed's pictures came into the channel's log, which is what the closing of places is measured by. */
import { logEntrySchema, type LogEntry } from '#common/contracts/log';
import { redisKeys } from '#common/contracts/names';
import { gridOf, type FpsName } from '#common/grid';
import { createLogger } from '#common/logger';
import { connectRedis } from '#common/redis';
import { redisUrlOf } from '../fault/victims.ts';
import type { Pipeline } from './pipeline.ts';

/** An entry of a log, and when Redis took it, milliseconds since the epoch. */
export interface TimedEntry {
  readonly at: number;
  readonly entry: LogEntry;
}

/** See the head of this file. */
export interface Lateness {
  /** From the beginning of a picture's place to its entry in the log, milliseconds: the longest. */
  readonly worstMs: number;
  /** Pictures that came after their place was closed. */
  readonly afterClosing: number;
}

/** Reads it from a log's entries, in order. */
export function latenessOf(entries: readonly TimedEntry[], fps: FpsName): Lateness {
  const grid = gridOf(fps);
  let [worstMs, afterClosing, closed] = [0, 0, 0];
  for (const { at, entry } of entries) {
    if (entry.t === 'picture-closed') {
      closed = Math.max(closed, entry.frame);
    } else if (entry.t === 'frames') {
      for (const { index } of entry.v) {
        worstMs = Math.max(worstMs, at - (index * 1000 * grid.den) / grid.num);
        afterClosing += index < closed ? 1 : 0;
      }
    }
  }
  return { worstMs, afterClosing };
}

/** Reads it from a running pipeline whose clock is the world's. */
export async function readLateness(
  pipeline: Pipeline,
  channel: string,
  fps: FpsName,
): Promise<Lateness> {
  const redis = connectRedis(await redisUrlOf(pipeline), 'test', createLogger('test', 'silent'));
  try {
    const rows = await redis.xrange(redisKeys.log(channel), '-', '+');
    const entries = rows.flatMap(([id, [, text = '']]): TimedEntry[] => {
      const { data: entry } = logEntrySchema.safeParse(JSON.parse(text));
      return entry === undefined ? [] : [{ at: Number.parseInt(id, 10), entry }];
    });
    return latenessOf(entries, fps);
  } finally {
    redis.disconnect();
  }
}
