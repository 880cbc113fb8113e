/** Names shared by every border: queues, Redis keys and store keys. Redis keys carry `{channel}` as their hash tag. */
import type { SegmentNumber } from '../time.ts';
import { initFile, segmentFile } from './delivery.ts';

/** BullMQ queues: in_MQ, the work, and out_MQ. */
export const QUEUES = { chunks: 'chunks', transcode: 'transcode', segments: 'segments' } as const;
/** BullMQ key prefix; a hash tag, so that a queue's keys share a slot on Redis Cluster. */
export const QUEUE_PREFIX = '{touchline}';

/** Redis keys and pub/sub channels. */
export const redisKeys = {
  /** Stream: the channel's order. Entries are one field `e`: a JSON {@link LogEntry}. */
  log: (channel: string): string => `log:{${channel}}`,
  /** Stream: what is appended here ends one process's wait for the logs; there for moments only. */
  logWake: (reader: string): string => `log-wake:{${reader}}`,
  /** Stream: coded frames of one session, entry id `<seq>-1`. */
  hotFrames: (channel: string, session: string): string => `hot:{${channel}}:in:${session}`,
  /** Stream: finished segments of one rendition. */
  hotSegments: (channel: string, rendition: string): string => `hot:{${channel}}:out:${rendition}`,
  /** Stream: fragments of one rendition on their way from workers to the origin. */
  hotFragments: (channel: string, rendition: string): string =>
    `hot:{${channel}}:fragments:${rendition}`,
  /** Hash: by segment number, the generation and first fragment of its last restart; JSON. */
  hotRestarts: (channel: string, rendition: string): string =>
    `hot:{${channel}}:restarts:${rendition}`,
  /** Stream: what is shown and heard where, as it is decided; field `e`: a JSON {@link ShownEntry}. */
  shown: (channel: string): string => `shown:{${channel}}`,
  /** Stream: early tasks placed with one worker; field `e`: a JSON {@link EarlyTask}. */
  earlyTasks: (worker: string): string => `early:{${worker}}`,
  /** Stream: how far workers are with a channel's early tasks; field `e`: a JSON {@link EarlyProgress}. */
  earlyProgress: (channel: string): string => `early-progress:{${channel}}`,
  /** Stream: signs of life of the main threads of workers that have early tasks, several a second; field `w`: the worker. */
  workerPulses: 'worker-pulses',
  /** Pub/sub: the id of a worker whose process runs, each `BEAT_MS`. */
  workerBeats: 'worker-beats',
  /** Pub/sub, for its subscriber's sake: a worker subscribes for as long as its process lives, and nobody publishes. */
  workerPresence: (worker: string): string => `worker-presence:{${worker}}`,
  /** Stream: fragments that the origin has published, of segments that are not whole yet and the last few. */
  publishedFragments: (channel: string): string => `published-fragments:{${channel}}`,
  /** Stream: what the origin has published. */
  published: (channel: string): string => `published:{${channel}}`,
  /** Hash: channel id to JSON {@link Channel}; a mirror of the store kept by control. */
  channels: 'channels',
  /** String that runs out: whoever set it last reads or changes the channel's record, to mirror it. */
  channelClaim: (channel: string): string => `channel-claim:{${channel}}`,
  /** Pub/sub: the id of a channel that changed. */
  channelChanged: 'channels:changed',
  /** Pub/sub, heard by ingest: the id of a channel whose publisher must be disconnected. */
  dropFeed: 'feeds:drop',
  /** Hash: channel id to the rate ingest detected, until the channel's record has it. */
  detectedFps: 'channel-fps',
  /** Pub/sub, heard by control: the id of a channel whose record should have its detected rate. */
  fpsDecided: 'channels:fps',
  /** Hash: channel id to JSON {@link FeedStatus}, written by ingest about once a second. */
  feeds: 'feeds',
  /** Hash: channel id to JSON {@link OriginStatus}, written by the aggregator as it publishes. */
  origin: 'origin',
  /** Hash: service id to JSON {@link ServiceRecord}, with a heartbeat. */
  services: 'services',
  /** String: a random value that is there for as long as Redis keeps its data. */
  life: 'life',
  /** String: the scheduler's lease, `<epoch>:<holder>`. */
  lease: 'scheduler:lease',
  /** Counter: the lease's epoch. */
  leaseEpoch: 'scheduler:epoch',
  /** Hash: channel id to JSON {@link Broadcast}, for the channels on air; written by the leader. */
  air: 'scheduler:air',
  /** String: a channel's folded state and the log id up to which it was folded; the leader's own. */
  checkpoint: (channel: string): string => `plan:{${channel}}`,
  /** String: JSON {@link LeaderStatus}; gone some seconds after the last leader. */
  leaderStatus: 'scheduler:status',
  /** Hash: channel id to the number of the broadcast that its operator ends. */
  endAsked: 'scheduler:end-asked',
  /** Pub/sub, heard by the leader: the id of a channel that {@link endAsked} has something new of. */
  endNews: 'scheduler:end',
  /** List of JSON: segments of a channel that became filler, newest first. */
  fillers: (channel: string): string => `fillers:{${channel}}`,
  /** Hash: channel id to JSON {@link StoredChunk}, its newest raw chunk in the store. */
  storedChunks: 'chunks-stored',
} as const;

/** Object store keys. */
export const storeKeys = {
  channel: (channel: string): string => `channels/${channel}.json`,
  channelPrefix: 'channels/',
  broadcast: (channel: string, broadcast: SegmentNumber): string =>
    `broadcasts/${channel}/${broadcast}.json`,
  broadcastPrefix: (channel: string): string => `broadcasts/${channel}/`,
  rawChunk: (channel: string, session: string, n: SegmentNumber): string =>
    `raw/${channel}/${session}/${n}.mp4`,
  rawRecord: (channel: string, session: string, n: SegmentNumber): string =>
    `raw/${channel}/${session}/${n}.json`,
  segment: (channel: string, rendition: string, n: SegmentNumber): string =>
    `media/${channel}/${rendition}/${segmentFile(n)}`,
  init: (channel: string, rendition: string, hash: string): string =>
    `media/${channel}/${rendition}/${initFile(hash)}`,
  preview: (channel: string, n: SegmentNumber): string => `media/${channel}/preview/${n}.jpg`,
  commit: (channel: string, broadcast: SegmentNumber, n: SegmentNumber): string =>
    `commits/${channel}/${broadcast}/${n}.json`,
  commitPrefix: (channel: string, broadcast: SegmentNumber): string =>
    `commits/${channel}/${broadcast}/`,
  /** Beside a commit record: what was withheld of the segment on air and made afterwards. */
  completion: (channel: string, broadcast: SegmentNumber, n: SegmentNumber): string =>
    `completions/${channel}/${broadcast}/${n}.json`,
  /** The task of what was withheld of a segment, until that is made. */
  owed: (channel: string, broadcast: SegmentNumber, n: SegmentNumber): string =>
    `owed/${channel}/${broadcast}/${n}.json`,
  owedPrefix: 'owed/',
  /** The slate's coded picture, made once by the first transcoder. */
  slate: 'slate/slate.json',
} as const;
