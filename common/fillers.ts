/** Which segments could lately not be made and became filler, and why: noted by the leader, told in the status. */
import { z } from 'zod';
import { redisKeys } from './contracts/names.ts';
import { segmentNumberSchema } from './contracts/units.ts';
import { readJson } from './json.ts';
import type { Redis } from './redis.ts';

/** Kept of a channel; a minute of segments. */
const MOST_NOTED = 30;
const NOTED_SECONDS = 600;
/** Of the reason, which ends with what ffmpeg said last. */
const MOST_REASON = 200;

const fillerSchema = z.strictObject({ n: segmentNumberSchema, reason: z.string() });
/** A segment number that shows the slate because its task failed for good. */
export type Filler = z.infer<typeof fillerSchema>;

/** Notes one. */
export async function noteFiller(redis: Redis, channel: string, filler: Filler): Promise<void> {
  const key = redisKeys.fillers(channel);
  const note = { ...filler, reason: filler.reason.slice(0, MOST_REASON) };
  await redis.lpush(key, JSON.stringify(note));
  await redis.ltrim(key, 0, MOST_NOTED - 1);
  await redis.expire(key, NOTED_SECONDS);
}

/** Those noted, newest first; what does not parse is as if it were not there. */
export async function readFillers(redis: Redis, channel: string): Promise<readonly Filler[]> {
  const notes = await redis.lrange(redisKeys.fillers(channel), 0, -1);
  return notes.flatMap((note) => readJson(fillerSchema, note) ?? []);
}
