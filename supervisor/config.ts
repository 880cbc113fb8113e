/** The supervisor's settings: those of the whole pipeline on one machine. */
import { availableParallelism } from 'node:os';
import type { z } from 'zod';
import {
  adminToken,
  baseSettings,
  edgeIdSchema,
  httpUrl,
  portSetting,
  redisUrl,
  wholeNumber,
} from '#common/config';

const MOST_WORKERS_BY_DEFAULT = 4;

/** See the README of this folder. Ports of 0 take a free one. */
export const supervisorSettings = baseSettings.extend({
  /** Unset: a private redis-server in `DATA_DIR`. */
  REDIS_URL: redisUrl.optional(),
  RTMP_PORT: portSetting(1935),
  HTTP_PORT: portSetting(8080),
  CONTROL_PORT: portSetting(8081),
  ORIGIN_PORT: portSetting(8082),
  /** Transcoder processes; by default one a core, at most four. */
  WORKERS: wholeNumber(1, 64).default(() =>
    Math.min(MOST_WORKERS_BY_DEFAULT, availableParallelism()),
  ),
  /** Unset: made once and kept in `DATA_DIR`. */
  ADMIN_TOKEN: adminToken.optional(),
  EDGE_ID: edgeIdSchema.default('local.host.01a'),
  /** The second edge, to which viewers go over when the first fails. */
  EDGE_B_PORT: portSetting(8083),
  EDGE_B_ID: edgeIdSchema.default('local.host.01b'),
  EDGE_B_PUBLIC_URL: httpUrl('https://live.example.com').optional(),
});
/** See {@link supervisorSettings}. */
export type SupervisorConfig = z.output<typeof supervisorSettings>;
