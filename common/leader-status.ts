/** What the scheduler's leader tells of itself, and whether there is one. */
import { z } from 'zod';
import { redisKeys } from './contracts/names.ts';
import { readJson } from './json.ts';
import type { Redis } from './redis.ts';

/** Real milliseconds after which nothing is known of a leader that tells nothing. */
const KEPT_MS = 10_000;

const leaderStatusSchema = z.strictObject({
  /** Tasks given out and not finished, by channel; channels without any may be absent. */
  unfinished: z.record(z.string(), z.int().min(0)),
});
/** See the head of this file. */
export type LeaderStatus = z.infer<typeof leaderStatusSchema>;

/** What is known of the leader. */
export interface LeaderView extends LeaderStatus {
  /** Whether a scheduler holds the lease. */
  readonly isLed: boolean;
}

/** Tells a status; to be repeated while it lasts. */
export async function tellLeaderStatus(redis: Redis, status: LeaderStatus): Promise<void> {
  await redis.set(redisKeys.leaderStatus, JSON.stringify(status), 'PX', KEPT_MS);
}

/** Reads it; without a leader nothing is unfinished, as far as anybody knows. */
export async function readLeader(redis: Redis): Promise<LeaderView> {
  const [isLed, text] = await Promise.all([
    redis.exists(redisKeys.lease),
    redis.get(redisKeys.leaderStatus),
  ]);
  return { unfinished: readJson(leaderStatusSchema, text)?.unfinished ?? {}, isLed: isLed === 1 };
}
