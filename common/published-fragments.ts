/** The stream of published fragments: the origin appends to it before it serves one, and what was served is read back after a restart. */
import { redisKeys } from './contracts/names.ts';
import { publishedFragmentSchema, type PublishedFragment } from './contracts/segment.ts';
import { readJson } from './json.ts';
import { REMEMBERED_SECONDS } from './published-stream.ts';
import type { ChainableCommander, Redis } from './redis.ts';

/**
 * Queues a published fragment onto a pipeline.
 * @param kept fragments that the stream keeps, over all renditions
 */
export function appendPublishedFragment(
  pipeline: ChainableCommander,
  channel: string,
  fragment: PublishedFragment,
  kept: number,
): void {
  const key = redisKeys.publishedFragments(channel);
  pipeline.xadd(key, 'MAXLEN', '~', kept, '*', 'e', JSON.stringify(fragment));
  pipeline.expire(key, REMEMBERED_SECONDS);
}

/** All published fragments that the stream has, oldest first. Of one that is there twice the first is what was served. */
export async function readPublishedFragments(
  redis: Redis,
  channel: string,
): Promise<PublishedFragment[]> {
  const entries = await redis.xrange(redisKeys.publishedFragments(channel), '-', '+');
  return entries.flatMap(([, fields]) => {
    const fragment = readJson(publishedFragmentSchema, fields[1] ?? null);
    return fragment === undefined ? [] : [fragment];
  });
}
