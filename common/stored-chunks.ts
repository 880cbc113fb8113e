/** How far each channel's raw chunks are in the store: noted by whichever scheduler takes a chunk's job, told in the status. */
import { z } from 'zod';
import { redisKeys } from './contracts/names.ts';
import type { ChunkJob } from './contracts/raw-chunk.ts';
import { readJson } from './json.ts';
import type { Redis } from './redis.ts';

const storedChunkSchema = z.strictObject({ session: z.string(), n: z.int().min(0) });
/** A session's newest raw chunk in the store, by its segment number. */
export type StoredChunk = z.infer<typeof storedChunkSchema>;

/** Jobs come in any order, and chunks of an earlier session may come after those of a later one. */
const NOTE = `
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and cjson.decode(held).n > tonumber(ARGV[3]) then return 0 end
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])`;

/** Notes a chunk, unless a later one of its channel is noted already. */
export async function noteStoredChunk(
  redis: Redis,
  { channel, session, n }: Pick<ChunkJob, 'channel' | 'session' | 'n'>,
): Promise<void> {
  const chunk = JSON.stringify({ session, n });
  await redis.eval(NOTE, 1, redisKeys.storedChunks, channel, chunk, n);
}

/** Parses a channel's note; undefined where there is none, or none of ours. */
export function parseStoredChunk(text: string | null | undefined): StoredChunk | undefined {
  return readJson(storedChunkSchema, text);
}
