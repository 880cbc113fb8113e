/** Errors as the API shows them: `{"error":{"code","message","requestId"}}`. */
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { httpStatusOf, PipelineError, toPipelineError } from '#common/errors';
import type { Logger } from '#common/logger';

/** Gives every request an id, which is also in its answer's header. */
export const withRequestId: RequestHandler = (_request, response, next) => {
  const requestId = randomUUID();
  response.locals['requestId'] = requestId;
  response.setHeader('x-request-id', requestId);
  next();
};

/** The id given by {@link withRequestId}. */
export const requestIdOf = (response: Response): string => String(response.locals['requestId']);

/** Sends an error. What went wrong inside is logged and not told. */
export function sendError(response: Response, error: PipelineError, logger: Logger): void {
  const status = httpStatusOf(error.code);
  const requestId = requestIdOf(response);
  if (status >= 500) {
    logger.error({ error, requestId }, 'request failed');
  }
  const message = error.code === 'INTERNAL' ? 'something went wrong inside' : error.message;
  response.status(status).json({ error: { code: error.code, message, requestId } });
}

/** The last handler: whatever was thrown becomes an answer. */
export function errorHandler(logger: Logger): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, _request, response, _next) => {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    sendError(response, fromBodyParser(error) ?? toPipelineError(error), logger);
  };
}

/** Errors that express and its body parser raise carry a status below 500. */
function fromBodyParser(error: unknown): PipelineError | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) {
    return undefined;
  }
  const { status } = error;
  if (status === 413) {
    return new PipelineError('TOO_LARGE', 'the body is larger than 64 KiB', { cause: error });
  }
  if (status === 415) {
    const message = 'the body must be JSON in UTF-8, without compression';
    return new PipelineError('UNSUPPORTED_MEDIA', message, { cause: error });
  }
  return typeof status === 'number' && status >= 400 && status < 500
    ? new PipelineError('BAD_REQUEST', 'the request or its JSON cannot be read', { cause: error })
    : undefined;
}
