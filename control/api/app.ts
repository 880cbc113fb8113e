/** The control API and control room as one Express application. */
import express, { type Express, type Router } from 'express';
import { PipelineError } from '#common/errors';
import type { Logger } from '#common/logger';
import { admissionOf, admitted } from './admission.ts';
import { Gate, type Ended } from './auth.ts';
import { errorHandler, sendError, withRequestId } from './errors.ts';
import { loginRoutes } from './login.ts';
import { onlyJson } from './requests.ts';
import { roomRoutes, type RoomRouteDeps } from './room-routes.ts';
import { apiRoutes, type RouteDeps } from './routes.ts';

const BODY_LIMIT = '64kb';

/** What the application acts upon. */
export interface AppDeps extends RouteDeps, RoomRouteDeps {
  readonly adminToken: string;
  readonly endedSessions: Ended;
  /** The queue board for that path. */
  readonly board: (base: string) => Router;
  readonly logger: Logger;
}

/** Builds the application; health paths are answered in front of it. */
export function createApp(deps: AppDeps): Express {
  const { logger, now, room } = deps;
  const gate = new Gate(deps.adminToken, deps.endedSessions);
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(withRequestId, (_request, response, next) => {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('referrer-policy', 'no-referrer');
    response.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'");
    next();
  });

  app.use(loginRoutes({ gate, now, logger }));
  app.use(admitted({ gate, now, logger }));
  app.post('/logout', (_request, response) => {
    const admission = admissionOf(response);
    if (admission?.kind === 'cookie') {
      response.setHeader('set-cookie', gate.end(admission, now()));
      room.events.endSession(admission.id);
    }
    response.redirect(303, '/login');
  });
  app.use(roomRoutes(deps));
  app.use('/queues', deps.board('/queues'));
  app.use('/v1', onlyJson, express.json({ limit: BODY_LIMIT, inflate: false }), apiRoutes(deps));
  app.use((_request, response) => {
    sendError(response, new PipelineError('NOT_FOUND', 'there is nothing here'), logger);
  });
  app.use(errorHandler(logger));
  return app;
}
