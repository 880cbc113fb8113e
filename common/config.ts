/** Settings come from the environment, through one schema per service; only `main.ts` reads the environment. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { PipelineError } from './errors.ts';

/** A setting that is a whole number of these bounds. */
export const wholeNumber = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int({ error }).min(min, { error }).max(max, { error });
};

/** A setting that is a number of these bounds. */
export const anyNumber = (min: number, max: number) => {
  const error = `must be a number from ${min} to ${max}`;
  return z.coerce.number({ error }).min(min, { error }).max(max, { error });
};

const REDIS_ERROR = 'must be the URL of a Redis, such as redis://:password@127.0.0.1:6379';
/** A setting that is the address of a Redis. */
export const redisUrl = z
  .url({ protocol: /^rediss?$/, hostname: /./, error: REDIS_ERROR })
  .refine(isDecodable, { error: REDIS_ERROR });

/** Whether its percent signs are escapes of UTF-8: a client decodes the password. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const hasNoLogin = (url: string): boolean => /^https?:\/\/[^/@]*(?:\/|$)/i.test(url);

/** A setting that is an HTTP address; a user's name or password in it would be shown to others. */
export const httpUrl = (example: string) => {
  const error = `must be an http or https URL without a user name, such as ${example}`;
  return z.url({ protocol: /^https?$/, hostname: /./, error }).refine(hasNoLogin, { error });
};

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/i;
const bindHost = z.string().refine((host) => isIP(host) !== 0 || HOST_NAME.test(host), {
  error: 'must be an address or a name of this machine, such as 127.0.0.1 or 0.0.0.0',
});

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** The control API's token: what an `Authorization` header can carry and nobody guesses. */
export const adminToken = z
  .string('must be set: at least 16 characters that nobody can guess')
  .regex(/^[\x21-\x7e]{16,512}$/, 'must be 16 to 512 ASCII characters without spaces');

/** Ids name a place: country, city, and the unit there, for example `india.mumbai.01a`. */
export const edgeIdSchema = z
  .string()
  .regex(
    /^[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}\.[a-z0-9-]{1,32}$/,
    'must be country.city.unit, for example india.mumbai.01a',
  );

/** A TCP port; 0 takes a free one. */
const port = wholeNumber(0, 65_535);

/** Settings every service has. Ports of 0 take a free one. */
export const baseSettings = z.object({
  LOG_LEVEL: z.enum(LEVELS, { error: `must be one of ${LEVELS.join(', ')}` }).default('info'),
  BIND_HOST: bindHost.default('127.0.0.1'),
  DATA_DIR: z.string().default('./data'),
  REDIS_URL: redisUrl.default('redis://127.0.0.1:6379'),
  HOT_REDIS_URL: redisUrl.optional(),
  S3_ENDPOINT: httpUrl('https://s3.example.com').optional(),
  S3_BUCKET: z
    .string()
    .regex(BUCKET, 'must be 3 to 63 of a-z, 0-9, dots and dashes, such as touchline')
    .default('touchline'),
  S3_REGION: z
    .string()
    .regex(/^[a-z0-9-]{1,63}$/, 'must be a region such as us-east-1')
    .default('us-east-1'),
  S3_ACCESS_KEY_ID: z.string().optional(),
  S3_SECRET_ACCESS_KEY: z.string().optional(),
  CLOCK_RATE: anyNumber(0.01, 100).default(1),
  CLOCK_ORIGIN: anyNumber(1, 8.64e15).optional(),
  HEALTH_PORT: port.default(0),
});
/** See {@link baseSettings}. */
export type BaseConfig = z.output<typeof baseSettings>;

/** A TCP port setting. */
export const portSetting = (fallback: number): z.ZodDefault<typeof port> => port.default(fallback);

/** An environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that are set; blank ones count as unset. */
function valuesOf(env: Environment): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const trimmed = value?.trim() ?? '';
      return trimmed === '' ? [] : [[name, trimmed]];
    }),
  );
}

const S3_ACCESS = ['S3_ENDPOINT', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const;

/** Either no S3 at all, or all it takes: half of it would quietly be a folder, or fail at the first object. */
function s3Problems(values: Readonly<Record<string, string>>): readonly string[] {
  const set = S3_ACCESS.filter((name) => name in values);
  const missing = S3_ACCESS.filter((name) => !(name in values));
  return set.length === 0
    ? []
    : missing.map((name) => `${name} must be set too, since ${set.join(' and ')} is`);
}

function problems(error: z.ZodError): readonly string[] {
  // One message says all that a variable must be; it may have missed in several ways.
  return [...new Set(error.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`))];
}

/**
 * What is wrong with an environment: one line for each variable at fault, which says what would be right and never
 * tells the value.
 */
export function settingsProblems(schema: z.ZodType, env: Environment): readonly string[] {
  const values = valuesOf(env);
  const parsed = schema.safeParse(values);
  return [...(parsed.success ? [] : problems(parsed.error)), ...s3Problems(values)];
}

/** The error that lists them. */
export const badSettings = (lines: readonly string[]): PipelineError =>
  new PipelineError('BAD_CONFIG', `settings are wrong:\n  ${lines.join('\n  ')}`);

/**
 * Parses an environment.
 * @throws PipelineError `BAD_CONFIG` with {@link settingsProblems}
 */
export function parseConfig<S extends z.ZodType>(schema: S, env: Environment): z.output<S> {
  const lines = settingsProblems(schema, env);
  if (lines.length > 0) {
    throw badSettings(lines);
  }
  return schema.parse(valuesOf(env));
}
