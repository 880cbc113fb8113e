/**
 * Every service's settings, from the schemas by which it reads them: what is passed on to it, and that all of it is right
 * before anything starts, for a service that cannot read its own would be started again for ever. Schemas are all that
 * the supervisor takes from services.
 */
import { z } from 'zod';
import { aggregatorSettings } from '../aggregator/config.ts';
import { badSettings, parseConfig, settingsProblems, type Environment } from '#common/config';
import { controlSettings } from '../control/config.ts';
import { edgeSettings } from '../edge/config.ts';
import { ingestSettings } from '../ingest/config.ts';
import { schedulerSettings } from '../scheduler/config.ts';
import { transcoderSettings } from '../transcoder/config.ts';
import { supervisorSettings, type SupervisorConfig } from './config.ts';
import { pick } from './environment.ts';

const SCHEMAS = {
  control: controlSettings,
  scheduler: schedulerSettings,
  aggregator: aggregatorSettings,
  ingest: ingestSettings,
  transcoder: transcoderSettings,
  edge: edgeSettings,
} as const;
/** A service's name. */
export type ServiceName = keyof typeof SCHEMAS;
/** Every service. */
export const SERVICE_NAMES = Object.keys(SCHEMAS) as readonly ServiceName[];

/** Set by hand for a process that runs alone; here each takes a free port and an id of its own. */
const OF_ONE_PROCESS: readonly string[] = ['HEALTH_PORT', 'WORKER_ID'];
/** Viewers reach an edge, which reaches no store; the origin's whole address is settled here. */
const KEPT_FROM_EDGE = /^(S3_.*|ORIGIN_PORT)$/;

/** Names of the settings that each service is given. */
export const SERVICE_SETTINGS: Readonly<Record<ServiceName, readonly string[]>> = {
  control: namesOf(controlSettings),
  scheduler: namesOf(schedulerSettings),
  aggregator: namesOf(aggregatorSettings),
  ingest: namesOf(ingestSettings),
  transcoder: namesOf(transcoderSettings),
  edge: namesOf(edgeSettings).filter((name) => !KEPT_FROM_EDGE.test(name)),
};

function namesOf(schema: z.ZodType): readonly string[] {
  if (schema instanceof z.ZodPipe) {
    return namesOf(schema.in as z.ZodType);
  }
  if (!(schema instanceof z.ZodObject)) {
    throw new TypeError('the settings of a service are an object of variables');
  }
  return Object.keys(schema.shape).filter((name) => !OF_ONE_PROCESS.includes(name));
}

/** Settled by the supervisor itself, whatever the environment says. */
const SETTLED = { ADMIN_TOKEN: 'settled-by-the-supervisor', BOOT_CHANNELS: 'main' };

/**
 * Parses the supervisor's settings.
 * @throws PipelineError `BAD_CONFIG` that names every variable at fault, the services' included
 */
export function parseAllSettings(env: Environment): SupervisorConfig {
  const lines = [
    ...settingsProblems(supervisorSettings, env),
    ...SERVICE_NAMES.flatMap((service) =>
      settingsProblems(SCHEMAS[service], { ...pick(env, SERVICE_SETTINGS[service]), ...SETTLED }),
    ),
  ];
  if (lines.length > 0) {
    throw badSettings([...new Set(lines)]);
  }
  return parseConfig(supervisorSettings, env);
}
