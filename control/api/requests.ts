/** What is refused before a route looks at it: methods a path does not have, bodies that are not JSON. */
import type { RequestHandler } from 'express';
import { STATUS_CODES } from 'node:http';
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { PipelineError } from '#common/errors';

/** The last handler of a path: whatever method comes this far is none of its own. */
export function onlyMethods(...methods: readonly string[]): RequestHandler {
  const allow = methods.includes('GET') ? ['GET', 'HEAD', ...methods.slice(1)] : methods;
  return (request, response) => {
    response.setHeader('allow', allow.join(', '));
    const message = `${request.method} is not possible here: use ${methods.join(' or ')}`;
    throw new PipelineError('METHOD_NOT_ALLOWED', message);
  };
}

/** Lets a body pass only as JSON; express would take any other for no body at all. */
export const onlyJson: RequestHandler = (request, _response, next) => {
  const hasBody =
    request.headers['transfer-encoding'] !== undefined ||
    Number(request.headers['content-length'] ?? 0) > 0;
  if (hasBody && request.is('application/json') === false) {
    throw new PipelineError(
      'UNSUPPORTED_MEDIA',
      'the body must be JSON: send it with content-type: application/json',
    );
  }
  next();
};

const CLIENT_ERRORS: Readonly<Record<string, { status: number; code: string; message: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    code: 'TOO_LARGE',
    message: 'the address and headers are larger than 8 KiB',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    code: 'TIMEOUT',
    message: 'the request took longer than 10 seconds to arrive',
  },
};

/** Answers what Node could not read as a request at all, in the form of every other error, and hangs up. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, code, message } = CLIENT_ERRORS[error.code ?? ''] ?? {
    status: 400,
    code: 'BAD_REQUEST',
    message: 'this is not an HTTP request',
  };
  const requestId = randomUUID();
  const body = JSON.stringify({ error: { code, message, requestId } });
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      'cache-control: no-store',
      'connection: close',
      `x-request-id: ${requestId}`,
      '',
      body,
    ].join('\r\n'),
  );
}
