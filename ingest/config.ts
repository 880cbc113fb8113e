/** Ingest's settings. */
import { z } from 'zod';
import { baseSettings, portSetting } from '../common/config.ts';

/** Ingest's environment. */
export const ingestSettings = baseSettings.extend({
  /** Where publishers connect; 0 takes a free port. */
  RTMP_PORT: portSetting(1935),
  /** RTMP connections at once, past their handshake: overall and from one address. */
  RTMP_MAX_CONNECTIONS: z.coerce.number().int().min(1).max(10_000).default(256),
  RTMP_MAX_CONNECTIONS_PER_ADDRESS: z.coerce.number().int().min(1).max(10_000).default(64),
  /** A feed above this rate for long is ended, bits a second. */
  FEED_MAX_BITRATE: z.coerce.number().min(1_000_000).max(1_000_000_000).default(80_000_000),
  /** Raw chunks waiting on disk for the store, bytes; beyond it the oldest are given up. */
  SPOOL_MAX_BYTES: z.coerce.number().min(1_048_576).default(8_589_934_592),
});
/** See {@link ingestSettings}. */
export type IngestConfig = z.output<typeof ingestSettings>;
