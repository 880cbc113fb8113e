/** Settings come from the environment, through one schema per service; only `main.ts` reads the environment. */
import { z } from 'zod';
import { PipelineError } from './errors.ts';

const port = z.coerce.number().int().min(0).max(65_535);

/** Settings every service has. Ports of 0 take a free one. */
export const baseSettings = z.object({
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  BIND_HOST: z.string().min(1).default('127.0.0.1'),
  DATA_DIR: z.string().min(1).default('./data'),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).default('redis://127.0.0.1:6379'),
  HOT_REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  S3_BUCKET: z.string().min(3).max(63).default('touchline'),
  S3_REGION: z
    .string()
    .regex(/^[a-z0-9-]{1,63}$/)
    .default('us-east-1'),
  S3_ACCESS_KEY_ID: z.string().min(1).optional(),
  S3_SECRET_ACCESS_KEY: z.string().min(1).optional(),
  CLOCK_RATE: z.coerce.number().positive().max(100).default(1),
  CLOCK_ORIGIN: z.coerce.number().positive().optional(),
  HEALTH_PORT: port.default(0),
});
/** See {@link baseSettings}. */
export type BaseConfig = z.output<typeof baseSettings>;

/** A TCP port setting. */
export const portSetting = (fallback: number): z.ZodDefault<typeof port> => port.default(fallback);

/**
 * Parses an environment.
 * @throws PipelineError `BAD_CONFIG` that names every variable at fault and what would be right, never its value
 */
export function parseConfig<S extends z.ZodType>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): z.output<S> {
  const set = Object.fromEntries(
    Object.entries(env).filter((entry) => entry[1] !== undefined && entry[1] !== ''),
  );
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new PipelineError('BAD_CONFIG', `settings are wrong:\n  ${lines.join('\n  ')}`);
  }
  return parsed.data;
}
