/** The door of the application: who is let through, and which changes a browser's cookie may make. */
import type { Request, RequestHandler, Response } from 'express';
import { PipelineError } from '#common/errors';
import type { Logger } from '#common/logger';
import type { Admission, Gate } from './auth.ts';
import { sendError } from './errors.ts';

/** What the door needs. */
export interface AdmissionDeps {
  readonly gate: Gate;
  readonly now: () => number;
  readonly logger: Logger;
}

const isRead = ({ method }: Request): boolean => method === 'GET' || method === 'HEAD';

/**
 * Whether a browser says that a request was made by our own page. `Sec-Fetch-Site` decides where it is sent; over
 * plain HTTP, away from localhost, browsers send only `Origin`. False when neither says so.
 */
export function isOwnPage({ headers }: Pick<Request, 'headers'>): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) {
    return site === 'same-origin';
  }
  const { origin, host } = headers;
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
}

/** Whether a browser says that a request was made by another page. */
export const isForeignPage = (request: Pick<Request, 'headers'>): boolean =>
  (request.headers['sec-fetch-site'] ?? request.headers.origin) !== undefined &&
  !isOwnPage(request);

/** How the request came in, once {@link admitted} has let it through. */
export const admissionOf = (response: Response): Admission =>
  response.locals['admission'] as Admission;

/** Lets through who may come in; browsers that look for a page are sent to the login page. */
export function admitted({ gate, now, logger }: AdmissionDeps): RequestHandler {
  return async (request, response, next) => {
    const admission = await gate.admit(request.headers, now());
    if (admission === undefined) {
      if (isRead(request) && request.accepts(['json', 'html']) === 'html') {
        response.redirect(303, '/login');
        return;
      }
      response.setHeader('www-authenticate', 'Bearer');
      const message = 'send the admin token: Authorization: Bearer <ADMIN_TOKEN>';
      sendError(response, new PipelineError('UNAUTHORIZED', message), logger);
      return;
    }
    // A cookie alone must not let another site's page change anything.
    if (admission.kind === 'cookie' && !isRead(request) && !isOwnPage(request)) {
      const message = 'this change comes from another site';
      sendError(response, new PipelineError('FORBIDDEN', message), logger);
      return;
    }
    response.locals['admission'] = admission;
    next();
  };
}
