/** Ingest's settings. */
import type { z } from 'zod';
import { baseSettings, portSetting, wholeNumber } from '#common/config';

/** Ingest's environment. */
export const ingestSettings = baseSettings.extend({
  /** Where publishers connect; 0 takes a free port. */
  RTMP_PORT: portSetting(1935),
  /** RTMP connections at once, past their handshake: overall and from one address. */
  RTMP_MAX_CONNECTIONS: wholeNumber(1, 10_000).default(256),
  RTMP_MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 10_000).default(64),
  /** A feed above this rate for long is ended, bits a second. */
  FEED_MAX_BITRATE: wholeNumber(1_000_000, 1_000_000_000).default(80_000_000),
  /** Raw chunks waiting on disk for the store, bytes; beyond it the oldest are given up. */
  SPOOL_MAX_BYTES: wholeNumber(1024 ** 2, 64 * 1024 ** 4).default(8 * 1024 ** 3),
});
/** See {@link ingestSettings}. */
export type IngestConfig = z.output<typeof ingestSettings>;
