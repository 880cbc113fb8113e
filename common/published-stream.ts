/** The stream of published segments: the origin appends to it before it lists a number, and what was listed is read back after a restart. */
import { publishedSchema, type Published } from './contracts/segment.ts';
import { redisKeys } from './contracts/names.ts';
import type { ChainableCommander, Redis } from './redis.ts';

/** What Redis remembers of a broadcast goes so long after its last segment, real seconds; a DVR window is at most a day. */
export const REMEMBERED_SECONDS = 7 * 86_400;
/** Entries kept beyond those wanted: the next broadcast's first must not push out what players still list. */
const MARGIN = 16;

/**
 * Queues a published segment onto a pipeline.
 * @param kept numbers that the stream keeps, some more stay
 */
export function appendPublished(
  pipeline: ChainableCommander,
  channel: string,
  published: Published,
  kept: number,
): void {
  const key = redisKeys.published(channel);
  pipeline.xadd(key, 'MAXLEN', '~', kept + MARGIN, '*', 'e', JSON.stringify(published));
  pipeline.expire(key, REMEMBERED_SECONDS);
}

/** All published segments that the stream has, oldest first. Of a number that is there twice the first is what was listed. */
export async function readPublished(redis: Redis, channel: string): Promise<Published[]> {
  const entries = await redis.xrange(redisKeys.published(channel), '-', '+');
  return entries.flatMap(parseEntry);
}

/** The newest published segments, newest first. */
export async function readNewestPublished(
  redis: Redis,
  channel: string,
  count: number,
): Promise<Published[]> {
  const entries = await redis.xrevrange(redisKeys.published(channel), '+', '-', 'COUNT', count);
  return entries.flatMap(parseEntry);
}

/** What is no entry of ours says nothing, and will never say anything. */
function parseEntry([, fields]: [string, string[]]): Published[] {
  try {
    return [publishedSchema.parse(JSON.parse(fields[1] ?? 'null'))];
  } catch {
    return [];
  }
}
