/** One error type for the whole pipeline; callers branch on `code`, never on text. */

/** What went wrong, as a literal. */
export type ErrorCode =
  | 'BAD_CONFIG'
  | 'BAD_REQUEST'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'CONFLICT'
  | 'TOO_LARGE'
  | 'UNSUPPORTED_MEDIA'
  | 'BAD_MEDIA'
  | 'INPUT_MISSING'
  | 'ENCODER_FAILED'
  | 'TIMEOUT'
  | 'ABORTED'
  | 'STORE_FAILED'
  | 'OVERLOADED'
  | 'LEASE_LOST'
  | 'UNAVAILABLE'
  | 'INTERNAL';

const TABLE: Readonly<Record<ErrorCode, { status: number; retryable: boolean }>> = {
  BAD_CONFIG: { status: 500, retryable: false },
  BAD_REQUEST: { status: 400, retryable: false },
  UNAUTHORIZED: { status: 401, retryable: false },
  FORBIDDEN: { status: 403, retryable: false },
  NOT_FOUND: { status: 404, retryable: false },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false },
  CONFLICT: { status: 409, retryable: false },
  TOO_LARGE: { status: 413, retryable: false },
  UNSUPPORTED_MEDIA: { status: 415, retryable: false },
  BAD_MEDIA: { status: 422, retryable: false },
  INPUT_MISSING: { status: 503, retryable: true },
  ENCODER_FAILED: { status: 500, retryable: true },
  TIMEOUT: { status: 504, retryable: true },
  ABORTED: { status: 503, retryable: true },
  STORE_FAILED: { status: 503, retryable: true },
  OVERLOADED: { status: 503, retryable: true },
  LEASE_LOST: { status: 503, retryable: true },
  UNAVAILABLE: { status: 503, retryable: true },
  INTERNAL: { status: 500, retryable: false },
};

/** An error of ours: a literal code, a message that says what to do, and the cause. */
export class PipelineError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'PipelineError';
    this.code = code;
  }
}

/** The HTTP status that tells a client of this code. */
export const httpStatusOf = (code: ErrorCode): number => TABLE[code].status;

/** Whether the same call may succeed later. */
export const isRetryable = (code: ErrorCode): boolean => TABLE[code].retryable;

/** Converts a foreign error at the border; errors of ours pass unchanged. */
export function toPipelineError(error: unknown, code: ErrorCode = 'INTERNAL'): PipelineError {
  if (error instanceof PipelineError) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new PipelineError(code, message, { cause: error });
}

/** The `code` of a system error such as `ENOENT`, else an empty string; works across realms. */
export const systemCodeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
