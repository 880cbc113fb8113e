/**
 * A channel's folded state, written down now and then with the id up to which the log is in it. With it a new leader
 * goes on where the last one was, and the log can be trimmed to the DVR window, however long a broadcast lasts.
 */
import { z } from 'zod';
import { leaseValue, newestLogId, type Lease } from '#common/channel-log';
import { redisKeys } from '#common/contracts/names';
import { PipelineError } from '#common/errors';
import { readJson } from '#common/json';
import type { Redis } from '#common/redis';
import { channelStateSchema } from '../plan/state.ts';

/** Of the log's marks and of the state folded from them: what another version wrote is not read. 2: picture and sound have marks of their own. */
const VERSION = 2;

const checkpointSchema = z.strictObject({
  version: z.literal(VERSION),
  /** Id of the last entry folded. */
  id: z.string().regex(/^\d+-\d+$/),
  state: channelStateSchema,
});
/** See the head of this file. */
export type Checkpoint = Omit<z.infer<typeof checkpointSchema>, 'version'>;

const WRITE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('XTRIM', KEYS[3], 'MINID', '~', ARGV[3])
return 1`;

/**
 * Reads a channel's checkpoint. `none` where Redis has none: the log holds all there is. `foreign` where this version does
 * not understand it, nor then the marks of the log, which ends at `id` now.
 */
export async function readCheckpoint(
  redis: Redis,
  channel: string,
): Promise<Checkpoint | 'none' | { readonly foreign: true; readonly id: string }> {
  const text = await redis.get(redisKeys.checkpoint(channel));
  if (text === null) {
    return 'none';
  }
  const checkpoint = readJson(checkpointSchema, text);
  if (checkpoint !== undefined) {
    return checkpoint;
  }
  return { foreign: true, id: await newestLogId(redis, channel) };
}

/** A checkpoint as it is written: the state goes on changing. */
export interface WrittenCheckpoint {
  readonly id: string;
  readonly text: string;
}

/** Writes down a state as of now. */
export const writtenDown = ({ id, state }: Checkpoint): WrittenCheckpoint => ({
  id,
  text: JSON.stringify({ version: VERSION, id, state }),
});

/**
 * Writes a checkpoint and drops the log's entries older than `keep` (real milliseconds) before it.
 * @throws PipelineError `LEASE_LOST` when another scheduler leads
 */
export async function writeCheckpoint(
  redis: Redis,
  channel: string,
  lease: Lease,
  checkpoint: WrittenCheckpoint,
  keep: number,
): Promise<void> {
  const time = Number(checkpoint.id.split('-')[0]);
  const written = await redis.eval(
    WRITE,
    3,
    redisKeys.lease,
    redisKeys.checkpoint(channel),
    redisKeys.log(channel),
    leaseValue(lease),
    checkpoint.text,
    String(Math.max(0, Math.floor(time - keep))),
  );
  if (written !== 1) {
    throw new PipelineError('LEASE_LOST', 'another scheduler leads; this one stops deciding');
  }
}
