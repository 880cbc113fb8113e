/** The control API and control room as one Express application. */
import express, { type Express, type RequestHandler } from 'express';
import { PipelineError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import type { ServiceRecord } from '../../common/contracts/status.ts';
import { CLEARED_COOKIE, Gate, LoginLimit } from './auth.ts';
import type { ChannelService } from './channel-service.ts';
import { errorHandler, sendError, withRequestId } from './errors.ts';
import { PAGE_POLICY, controlRoomPage, loginPage } from './pages.ts';
import { onlyJson } from './requests.ts';
import { apiRoutes } from './routes.ts';

const BODY_LIMIT = '64kb';

/** What the application acts upon. */
export interface AppDeps {
  readonly adminToken: string;
  readonly channels: ChannelService;
  readonly services: () => Promise<readonly ServiceRecord[]>;
  /** What keeps the pipeline from taking a stream. */
  readonly missing: () => Promise<readonly string[]>;
  readonly now: () => number;
  readonly logger: Logger;
}

/** Builds the application; health paths are answered in front of it. */
export function createApp(deps: AppDeps): Express {
  const { logger, now } = deps;
  const gate = new Gate(deps.adminToken);
  const limit = new LoginLimit();
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(withRequestId, (_request, response, next) => {
    response.setHeader('cache-control', 'no-store');
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('referrer-policy', 'no-referrer');
    response.setHeader('content-security-policy', PAGE_POLICY);
    next();
  });

  app.get('/login', (_request, response) => {
    response.type('html').send(loginPage());
  });
  const form = express.urlencoded({ extended: false, limit: '4kb', parameterLimit: 4 });
  app.post('/login', form, (request, response) => {
    if (!limit.allows(request.socket.remoteAddress ?? '', now())) {
      response
        .status(429)
        .set('retry-after', '60')
        .type('html')
        .send(loginPage('Too many attempts from this address: wait a minute.'));
      return;
    }
    const body: unknown = request.body;
    const token = typeof body === 'object' && body !== null && 'token' in body ? body.token : '';
    if (typeof token !== 'string' || !gate.isToken(token.trim())) {
      response.status(401).type('html').send(loginPage('This is not the admin token.'));
      return;
    }
    response.setHeader('set-cookie', gate.cookie(now()));
    response.redirect(303, '/');
  });

  app.use(admitted(gate, deps));
  app.post('/logout', (_request, response) => {
    response.setHeader('set-cookie', CLEARED_COOKIE);
    response.redirect(303, '/login');
  });
  app.get('/', async (_request, response) => {
    response.type('html').send(await renderControlRoom(deps));
  });
  app.use('/v1', onlyJson, express.json({ limit: BODY_LIMIT, inflate: false }), apiRoutes(deps));
  app.use((_request, response) => {
    sendError(response, new PipelineError('NOT_FOUND', 'there is nothing here'), logger);
  });
  app.use(errorHandler(logger));
  return app;
}

/** Lets through who may come in; browsers are sent to the login page. */
function admitted(gate: Gate, { now, logger }: AppDeps): RequestHandler {
  return (request, response, next) => {
    const admission = gate.admit(request.headers, now());
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (admission === undefined) {
      if (isRead && request.accepts(['json', 'html']) === 'html') {
        response.redirect(303, '/login');
        return;
      }
      response.setHeader('www-authenticate', 'Bearer');
      const message = 'send the admin token: Authorization: Bearer <ADMIN_TOKEN>';
      sendError(response, new PipelineError('UNAUTHORIZED', message), logger);
      return;
    }
    // A cookie alone must not let another site's page change anything; browsers say where a request is from.
    const site = request.headers['sec-fetch-site'];
    if (admission === 'cookie' && !isRead && site !== undefined && site !== 'same-origin') {
      const message = 'this change comes from another site';
      sendError(response, new PipelineError('FORBIDDEN', message), logger);
      return;
    }
    next();
  };
}

async function renderControlRoom({ channels, services, missing }: AppDeps): Promise<string> {
  const views = await channels.list();
  const known = await services();
  const edge = known.find(({ service, ready }) => service === 'edge' && ready);
  const address = edge?.detail['url'] ?? edge?.url;
  return controlRoomPage({
    channels: await Promise.all(
      views.map(async (channel) => ({ channel, status: await channels.status(channel.id) })),
    ),
    services: known,
    missing: await missing(),
    edge: typeof address === 'string' ? address : undefined,
  });
}
