/** The edge's settings. */
import type { z } from 'zod';
import { baseSettings, edgeIdSchema, httpUrl, portSetting, wholeNumber } from '#common/config';

/** See the README of this folder. */
export const edgeSettings = baseSettings
  .extend({
    HTTP_PORT: portSetting(8080),
    ORIGIN_PORT: portSetting(8082),
    EDGE_ID: edgeIdSchema.default('local.host.01a'),
    /** Where misses go: the origin, or another edge in front of it. */
    EDGE_UPSTREAM: httpUrl('http://127.0.0.1:8082').optional(),
    /** What viewers type; needed when it differs from host and port, for example behind a load balancer. */
    EDGE_PUBLIC_URL: httpUrl('https://live.example.com').optional(),
    /** Bound of the memory cache in bytes. */
    CACHE_BYTES: wholeNumber(1024 ** 2, 64 * 1024 ** 3).default(256 * 1024 ** 2),
    /** What a client waits that asks for the same over and over, in milliseconds; 0: nothing, for load tests. */
    REPEAT_PAUSE_MS: wholeNumber(0, 1_000).default(150),
  })
  .transform((settings) => ({
    ...settings,
    EDGE_UPSTREAM: settings.EDGE_UPSTREAM ?? `http://127.0.0.1:${settings.ORIGIN_PORT}`,
  }));
/** See {@link edgeSettings}. */
export type EdgeConfig = z.output<typeof edgeSettings>;
