/** The login page and what it posts to: the only routes in front of the door. */
import express, { Router } from 'express';
import { PipelineError } from '#common/errors';
import { isForeignPage, type AdmissionDeps } from './admission.ts';
import { sendError } from './errors.ts';
import { LoginLimit } from './login-limit.ts';
import { LOGIN_POLICY, loginPage } from './pages.ts';

/** `GET /login` and `POST /login`. */
export function loginRoutes({ gate, now, logger }: AdmissionDeps): Router {
  const limit = new LoginLimit();
  const router = Router({ caseSensitive: true, strict: true });
  router.use('/login', (_request, response, next) => {
    response.setHeader('content-security-policy', LOGIN_POLICY);
    next();
  });
  router.get('/login', async (request, response) => {
    if ((await gate.admit(request.headers, now())) !== undefined) {
      response.redirect(303, '/');
      return;
    }
    response.type('html').send(loginPage());
  });

  const form = express.urlencoded({ extended: false, limit: '4kb', parameterLimit: 4 });
  router.post('/login', form, async (request, response) => {
    // Another site must not log a browser in, either.
    if (isForeignPage(request)) {
      const message = 'this login comes from another site';
      sendError(response, new PipelineError('FORBIDDEN', message), logger);
      return;
    }
    const wait = limit.attempt(request.socket.remoteAddress ?? '', now());
    if (wait !== undefined) {
      const message = `Too many attempts from this address. Try again in ${wait} seconds.`;
      response.status(429).set('retry-after', String(wait)).type('html').send(loginPage(message));
      return;
    }
    const body: unknown = request.body;
    const token = typeof body === 'object' && body !== null && 'token' in body ? body.token : '';
    if (typeof token !== 'string' || !gate.isToken(token.trim())) {
      response.status(401).type('html').send(loginPage('This is not the admin token.'));
      return;
    }
    response.setHeader('set-cookie', await gate.cookie(now()));
    response.redirect(303, '/');
  });
  return router;
}
