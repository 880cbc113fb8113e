/** The edge's settings. */
import { z } from 'zod';
import { baseSettings, edgeIdSchema, httpUrl, portSetting, wholeNumber } from '#common/config';

/** Addresses with commas between them. */
const upstreams = z
  .string()
  .transform((text) => text.split(',').map((url) => url.trim()))
  .pipe(z.array(httpUrl('http://127.0.0.1:8082')).max(8));

/** See the README of this folder. */
export const edgeSettings = baseSettings
  .extend({
    HTTP_PORT: portSetting(8080),
    ORIGIN_PORT: portSetting(8082),
    EDGE_ID: edgeIdSchema.default('local.host.01a'),
    /** Where misses go: the origin, or another edge in front of it; where there are several, the first that answers. */
    EDGE_UPSTREAM: upstreams.optional(),
    /** What viewers type; needed when it differs from host and port, for example behind a load balancer. */
    EDGE_PUBLIC_URL: httpUrl('https://live.example.com').optional(),
    /** Files in PEM: a certificate with those above it, and its key. With both, the same port speaks TLS and HTTP/2, too. */
    EDGE_TLS_CERT: z.string().optional(),
    EDGE_TLS_KEY: z.string().optional(),
    /** Bound of the memory cache in bytes. */
    CACHE_BYTES: wholeNumber(1024 ** 2, 64 * 1024 ** 3).default(256 * 1024 ** 2),
    /** What a client waits that asks for the same over and over, in milliseconds; 0: nothing, for load tests. */
    REPEAT_PAUSE_MS: wholeNumber(0, 1_000).default(150),
  })
  .superRefine(({ EDGE_TLS_CERT, EDGE_TLS_KEY }, context) => {
    if ((EDGE_TLS_CERT === undefined) !== (EDGE_TLS_KEY === undefined)) {
      const [missing, given] =
        EDGE_TLS_CERT === undefined
          ? (['EDGE_TLS_CERT', 'EDGE_TLS_KEY'] as const)
          : (['EDGE_TLS_KEY', 'EDGE_TLS_CERT'] as const);
      context.addIssue({
        code: 'custom',
        path: [missing],
        message: `must be set too, since ${given} is`,
      });
    }
  })
  .transform((settings) => ({
    ...settings,
    EDGE_UPSTREAM: settings.EDGE_UPSTREAM ?? [`http://127.0.0.1:${settings.ORIGIN_PORT}`],
  }));
/** See {@link edgeSettings}. */
export type EdgeConfig = z.output<typeof edgeSettings>;
