/** What the control room is told by `GET /v1/events`, and the lists of workers, edges and services of the API. */
import { z } from 'zod';
import { channelViewSchema, statusViewSchema } from './channel-status.ts';
import { QUEUES } from './names.ts';
import { serviceRecordSchema } from './status.ts';

const count = z.int().min(0);
const shared = serviceRecordSchema.omit({ detail: true, service: true });

/** A worker: `GET /v1/workers`. What it has not told is null. */
export const workerViewSchema = shared.extend({
  state: z.enum(['starting', 'idle', 'working']),
  task: z.strictObject({ channel: z.string(), n: count }).nullable(),
  /** Segments made, all renditions of a number counting once, and tasks that failed, since its start. */
  done: count.nullable(),
  failed: count.nullable(),
  /** Median real milliseconds of its last tasks. */
  taskMs: z.number().nullable(),
  /** Median of the seconds of picture made in a second. */
  speed: z.number().nullable(),
});
/** See {@link workerViewSchema}. */
export type WorkerView = z.infer<typeof workerViewSchema>;

/** An edge: `GET /v1/edges`. Counters are of all time since its start, rates of the last ten seconds. */
export const edgeViewSchema = shared.extend({
  /** Where viewers reach it. */
  publicUrl: z.string(),
  hits: count.nullable(),
  misses: count.nullable(),
  requests: count.nullable(),
  bytesSent: count.nullable(),
  hitRatio: z.number().nullable(),
  requestsPerSecond: z.number().nullable(),
  bitsPerSecond: z.number().nullable(),
});
/** See {@link edgeViewSchema}. */
export type EdgeView = z.infer<typeof edgeViewSchema>;

/** A service: `GET /v1/services`. */
export type ServiceView = z.infer<typeof serviceRecordSchema>;

/** A queue and its jobs by state. Failed jobs are kept for a day, and at most a thousand. */
export const queueViewSchema = z.strictObject({
  name: z.enum(QUEUES),
  waiting: count,
  active: count,
  delayed: count,
  failed: count,
  /** Age of the oldest job that is not finished, real milliseconds; null when there is none. */
  oldestMs: z.number().nullable(),
});
/** See {@link queueViewSchema}. */
export type QueueView = z.infer<typeof queueViewSchema>;

/** A channel in the room. */
export const roomChannelSchema = z.strictObject({
  channel: channelViewSchema,
  status: statusViewSchema,
  /** When the broadcast on air began. */
  startedAt: z.number().nullable(),
});
/** See {@link roomChannelSchema}. */
export type RoomChannel = z.infer<typeof roomChannelSchema>;

/** Event `snapshot`: everything, once a second. */
export const snapshotSchema = z.strictObject({
  /** The pipeline's clock, milliseconds since the epoch. */
  at: z.number(),
  /** What keeps the pipeline from taking a stream. */
  missing: z.array(z.string()),
  /** Where encoders publish. */
  rtmpUrl: z.string().nullable(),
  channels: z.array(roomChannelSchema),
  workers: z.array(workerViewSchema),
  queues: z.array(queueViewSchema),
  edges: z.array(edgeViewSchema),
  services: z.array(serviceRecordSchema),
});
/** See {@link snapshotSchema}. */
export type Snapshot = z.infer<typeof snapshotSchema>;

const reading = z.number().nullable();

/** What is drawn of a channel at one moment; lag by rendition. */
export const readingSchema = z.strictObject({
  at: z.number(),
  bitrateBps: reading,
  fps: reading,
  keyframeSeconds: reading,
  lagMs: z.record(z.string(), reading),
});
/** See {@link readingSchema}. */
export type Reading = z.infer<typeof readingSchema>;

/** Event `history`, the first of a stream: the last minutes of each channel with a feed or a broadcast, oldest first. */
export const historySchema = z.record(z.string(), z.array(readingSchema));
/** See {@link historySchema}. */
export type RoomHistory = z.infer<typeof historySchema>;

/** Event `trouble`: the numbers are not being refreshed, and why. */
export const troubleSchema = z.strictObject({ message: z.string() });

/** Event `end`: the session is over. */
export const endSchema = z.strictObject({ reason: z.enum(['logout', 'expired']) });

/** Readings kept of a channel, one a second. */
export const MOST_READINGS = 300;

/** What of a channel is drawn; undefined while it has neither feed nor broadcast. */
export function readingOf(at: number, { status }: RoomChannel): Reading | undefined {
  const feed = status.feeds.find(({ connected }) => connected);
  if (feed === undefined && !status.onAir) {
    return undefined;
  }
  return {
    at,
    bitrateBps: feed?.bitrateBps ?? null,
    fps: feed?.fps ?? null,
    keyframeSeconds: feed?.keyframeSeconds ?? null,
    lagMs: Object.fromEntries(status.renditions.map(({ id, lagMs }) => [id, lagMs])),
  };
}
