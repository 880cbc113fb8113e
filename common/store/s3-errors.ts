/** What S3 answers, as errors of ours: they name the setting at fault, and never carry a request or a signature. */
import { S3ServiceException } from '@aws-sdk/client-s3';
import { PipelineError, systemCodeOf } from '../errors.ts';

/** An error's name: S3's code (`NoSuchKey`), or JavaScript's. */
export const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'error');

/** The HTTP status S3 answered with, if it answered. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

const HINTS: ReadonlyMap<string, string> = new Map([
  ['InvalidAccessKeyId', 'S3_ACCESS_KEY_ID is not known to the server'],
  ['SignatureDoesNotMatch', 'S3_SECRET_ACCESS_KEY is wrong'],
  ['AccessDenied', 'S3_ACCESS_KEY_ID may not do this in S3_BUCKET'],
  ['NoSuchBucket', 'S3_BUCKET does not exist'],
  ['AuthorizationHeaderMalformed', 'S3_REGION is not where the bucket is'],
  ['RequestTimeTooSkewed', "this machine's clock differs from the server's"],
  ['ECONNREFUSED', 'nothing listens at S3_ENDPOINT'],
  ['ENOTFOUND', "S3_ENDPOINT's host name is not known"],
  ['EAI_AGAIN', "S3_ENDPOINT's host name is not known"],
]);

/** What a person should look at, if it can be told. */
export const hintOf = (name: string, systemCode: string): string | undefined =>
  HINTS.get(name) ?? HINTS.get(systemCode);

/** Whether an error says that the bucket is not there, rather than an object in it. */
export const isBucketMissing = (error: unknown): boolean => nameOf(error) === 'NoSuchBucket';

/** Whether the same request may succeed in a moment: no answer, or one that blames the server's state. */
export function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined
    ? !(error instanceof PipelineError)
    : status >= 500 || status === 429 || status === 408;
}

/** `STORE_FAILED`, or `ABORTED` when the caller asked for it; errors of ours pass unchanged. */
export function storeError(action: string, error: unknown, caller?: AbortSignal): PipelineError {
  if (error instanceof PipelineError) {
    return error;
  }
  if (caller?.aborted === true) {
    return new PipelineError('ABORTED', `s3: given up: ${action}`, { cause: plain(error) });
  }
  const status = statusOf(error);
  const code = systemCodeOf(error);
  const facts = [nameOf(error), code, status === undefined ? '' : String(status)];
  const reason = hintOf(nameOf(error), code) ?? 'S3_ENDPOINT did not serve the request';
  const shown = [...new Set(facts.filter((fact) => fact !== ''))].join(', ');
  return new PipelineError('STORE_FAILED', `s3: cannot ${action}: ${reason} (${shown})`, {
    cause: plain(error),
  });
}

/** The SDK's errors carry whole answers, in which servers repeat key ids and what was signed. */
function plain(error: unknown): Error {
  const copy = new Error(error instanceof Error ? error.message : String(error));
  copy.name = nameOf(error);
  return copy;
}
