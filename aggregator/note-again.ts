/** What Redis must hold of a broadcast in hand, written again when Redis has lost it. */
import { appendPublished, REMEMBERED_SECONDS } from '#common/published-stream';
import { execute, type Redis } from '#common/redis';
import type { LiveBroadcast } from './live-broadcast.ts';
import { acceptedKey, declaredKey } from './names.ts';

/** Entries in one pipeline. */
const BATCH = 500;

/** Notes what is published, declared and accepted. What is there already is only there twice, which readers know. */
export async function noteAgain(redis: Redis, live: LiveBroadcast): Promise<void> {
  const { broadcast, segments, declared } = live.timeline;
  const { channel } = broadcast;
  for (let at = 0; at < segments.length; at += BATCH) {
    const pipeline = redis.pipeline();
    for (const published of segments.slice(at, at + BATCH)) {
      appendPublished(pipeline, channel, published, segments.length);
    }
    await execute(pipeline);
  }
  const pipeline = redis
    .pipeline()
    .set(declaredKey(channel), JSON.stringify(declared), 'EX', REMEMBERED_SECONDS);
  for (const result of live.waiting) {
    pipeline.hset(acceptedKey(channel), String(result.n), JSON.stringify(result));
  }
  await execute(pipeline);
  await live.growing?.noteAgain();
}
