/**
 * What must be so before a bucket can be used, through MinIO's client, which administers any S3: the bucket is
 * there, and raw chunks expire if that is wanted. Doing it again changes nothing.
 */
import { Client, S3Error } from 'minio';
import { z } from 'zod';
import { PipelineError, systemCodeOf } from '../errors.ts';
import { withDeadline } from '../lifecycle.ts';
import { DEFAULT_REGION, type S3Settings } from './s3-client.ts';
import { hintOf } from './s3-errors.ts';

/** What is wanted of the bucket. */
export interface BucketWishes {
  /** Days after which raw chunks expire; undefined keeps them for ever. */
  readonly rawRetentionDays: number | undefined;
}

/** What was done. */
export interface BucketPrepared {
  readonly isBucketNew: boolean;
  readonly hasLifecycleChanged: boolean;
}

const RULE_ID = 'touchline-raw';
const RAW_PREFIX = 'raw/';
const DEADLINE_MS = 20_000;
/** Where we may not read the lifecycle, or there is none to read; no matter while nothing is wanted of it. */
const NO_LIFECYCLE = new Set(['AccessDenied', 'NotImplemented', 'MethodNotAllowed']);

/** A rule as MinIO's client reads it; everything in it is kept when it is not ours. */
const ruleSchema = z.looseObject({ ID: z.coerce.string().default('') });
type Rule = z.output<typeof ruleSchema>;
/** One rule comes as an object, several as a list. */
const lifecycleSchema = z.looseObject({
  Rule: z.union([z.array(ruleSchema), ruleSchema.transform((rule) => [rule])]).default([]),
});
const ourRuleSchema = z.object({
  Status: z.literal('Enabled'),
  Filter: z.object({ Prefix: z.literal(RAW_PREFIX) }),
  Expiration: z.object({ Days: z.coerce.number() }),
});

/**
 * Makes the bucket and its lifecycle as wished; rules of others stay.
 * @throws PipelineError `BAD_CONFIG` that names the setting when we may not, `STORE_FAILED` when S3 is away
 */
export async function prepareBucket(
  settings: S3Settings,
  wishes: BucketWishes,
): Promise<BucketPrepared> {
  const url = new URL(settings.endpoint);
  const client = new Client({
    endPoint: url.hostname,
    port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    useSSL: url.protocol === 'https:',
    accessKey: settings.accessKeyId,
    secretKey: settings.secretAccessKey,
    region: settings.region ?? DEFAULT_REGION,
    pathStyle: true,
    // Whoever prepares the bucket decides when to try again.
    retryOptions: { disableRetry: true },
  });
  const { bucket } = settings;
  const step = async <T>(action: string, work: Promise<T>): Promise<T> => {
    try {
      return await withDeadline(work, DEADLINE_MS, `s3: ${action}`);
    } catch (error) {
      throw adminError(action, error);
    }
  };
  const isBucketNew = await step('make S3_BUCKET', ensureBucket(client, settings));
  const hasLifecycleChanged = await step(
    'set the lifecycle of S3_BUCKET',
    ensureLifecycle(client, bucket, wishes.rawRetentionDays),
  );
  return { isBucketNew, hasLifecycleChanged };
}

async function ensureBucket(
  client: Client,
  { bucket, region = DEFAULT_REGION }: S3Settings,
): Promise<boolean> {
  try {
    if (await client.bucketExists(bucket)) {
      return false;
    }
  } catch (error) {
    if (codeOf(error) === 'AccessDenied') {
      // An answer to HEAD has no body that could say why; this one has.
      await rulesOf(client, bucket);
    }
    throw error;
  }
  try {
    await client.makeBucket(bucket, region);
    return true;
  } catch (error) {
    // Another service was a moment faster.
    if (codeOf(error) === 'BucketAlreadyOwnedByYou') {
      return false;
    }
    throw error;
  }
}

async function ensureLifecycle(
  client: Client,
  bucket: string,
  days: number | undefined,
): Promise<boolean> {
  let there: readonly Rule[];
  try {
    there = await rulesOf(client, bucket);
  } catch (error) {
    if (days === undefined && NO_LIFECYCLE.has(codeOf(error))) {
      return false;
    }
    throw error;
  }
  const mine = there.find((rule) => rule.ID === RULE_ID);
  if (days === undefined ? mine === undefined : daysOf(mine) === days) {
    return false;
  }
  const others = there.filter((rule) => rule.ID !== RULE_ID);
  const ours = days === undefined ? [] : [ruleOf(days)];
  const Rule = [...others, ...ours];
  await (Rule.length === 0
    ? client.removeBucketLifecycle(bucket)
    : client.setBucketLifecycle(bucket, { Rule }));
  return true;
}

const ruleOf = (days: number) => ({
  ID: RULE_ID,
  Status: 'Enabled',
  Filter: { Prefix: RAW_PREFIX },
  Expiration: { Days: days },
});

/** The days of our rule as it is there; undefined if it is not what we would write. */
function daysOf(rule: Rule | undefined): number | undefined {
  const parsed = ourRuleSchema.safeParse(rule);
  return parsed.success ? parsed.data.Expiration.Days : undefined;
}

async function rulesOf(client: Client, bucket: string): Promise<readonly Rule[]> {
  try {
    const found: unknown = await client.getBucketLifecycle(bucket);
    return lifecycleSchema.parse(found === '' || found === null ? {} : found).Rule;
  } catch (error) {
    if (codeOf(error) === 'NoSuchLifecycleConfiguration') {
      return [];
    }
    throw error;
  }
}

/** S3's code of an error of MinIO's client. */
const codeOf = (error: unknown): string => (error instanceof S3Error ? (error.code ?? '') : '');

const REFUSED = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'TooManyBuckets',
  'BucketAlreadyExists',
]);

function adminError(action: string, error: unknown): PipelineError {
  if (error instanceof PipelineError) {
    return new PipelineError('STORE_FAILED', error.message, { cause: error });
  }
  const code = codeOf(error);
  const system = systemCodeOf(error);
  const reason = hintOf(code, system) ?? 'S3_ENDPOINT did not serve the request';
  const text = `s3: cannot ${action}: ${reason} (${code === '' ? system : code})`;
  return new PipelineError(REFUSED.has(code) ? 'BAD_CONFIG' : 'STORE_FAILED', text);
}
