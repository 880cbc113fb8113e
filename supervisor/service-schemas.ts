/**
 * Every service's settings, checked before anything starts: a service that cannot read its own would be started again
 * for ever. Schemas are all that the supervisor takes from services.
 */
import { aggregatorSettings } from '../aggregator/config.ts';
import { badSettings, parseConfig, settingsProblems, type Environment } from '#common/config';
import { edgeSettings } from '../edge/config.ts';
import { ingestSettings } from '../ingest/config.ts';
import { schedulerSettings } from '../scheduler/config.ts';
import { transcoderSettings } from '../transcoder/config.ts';
import { supervisorSettings, type SupervisorConfig } from './config.ts';
import { pick, SERVICE_SETTINGS, type ServiceName } from './services.ts';

const SCHEMAS = {
  scheduler: schedulerSettings,
  aggregator: aggregatorSettings,
  ingest: ingestSettings,
  transcoder: transcoderSettings,
  edge: edgeSettings,
} as const satisfies Readonly<Record<ServiceName, unknown>>;

/** Settled by the supervisor itself, whatever the environment says. */
const SETTLED = { ADMIN_TOKEN: 'settled-by-the-supervisor', BOOT_CHANNELS: 'main' };

const SERVICES = ['scheduler', 'aggregator', 'ingest', 'transcoder', 'edge'] as const;

/**
 * Parses the supervisor's settings.
 * @throws PipelineError `BAD_CONFIG` that names every variable at fault, the services' included
 */
export function parseAllSettings(env: Environment): SupervisorConfig {
  const lines = [
    ...settingsProblems(supervisorSettings, env),
    ...SERVICES.flatMap((service) =>
      settingsProblems(SCHEMAS[service], { ...pick(env, SERVICE_SETTINGS[service]), ...SETTLED }),
    ),
  ];
  if (lines.length > 0) {
    throw badSettings([...new Set(lines)]);
  }
  return parseConfig(supervisorSettings, env);
}
