/** A worker's beats: `redisKeys.workerBeats` has its id, in each of them, for as long as its process runs and reaches Redis. */

/** Real milliseconds from one beat to the next, and between looks at who has beaten. */
export const BEAT_MS = 50;
