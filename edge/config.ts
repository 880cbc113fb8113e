/** The edge's settings. */
import { z } from 'zod';
import { baseSettings, httpUrl, portSetting, wholeNumber } from '../common/config.ts';

/** Ids name a place: country, city, and the unit there, for example `india.mumbai.01a`. */
export const edgeIdSchema = z
  .string()
  .regex(
    /^[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}$/,
    'must be country.city.unit, for example india.mumbai.01a',
  );

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
  })
  .transform((settings) => ({
    ...settings,
    EDGE_UPSTREAM: settings.EDGE_UPSTREAM ?? `http://127.0.0.1:${settings.ORIGIN_PORT}`,
  }));
/** See {@link edgeSettings}. */
export type EdgeConfig = z.output<typeof edgeSettings>;
