/** Bull Board at `/queues`: every job of every queue, to look at. Changes to jobs are the leader's alone. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Router, type Express, type RequestHandler } from 'express';
import { PipelineError } from '#common/errors';
import type { Logger } from '#common/logger';
import type { Queue } from '#common/queues';
import { sendError } from './errors.ts';

/** Its script is its own; its styles are partly in attributes. */
const POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self' 'unsafe-inline'`,
  `img-src 'self' data:`,
  `font-src 'self'`,
  `connect-src 'self'`,
  `base-uri 'self'`,
  `form-action 'self'`,
  `frame-ancestors 'none'`,
].join('; ');

type Render = (
  file: string,
  options: object,
  done: (error: unknown, page?: string) => void,
) => void;

/** The board asks a font server for its letters; nothing of ours is loaded from elsewhere. */
const withoutForeignLinks = (page: string): string =>
  page.replaceAll(/<link href="https?:[^>]*>/g, '');

/** What the board is made of. */
export interface QueueBoardOptions {
  readonly queues: readonly Queue[];
  /** Where it is mounted. */
  readonly base: string;
  /** Markup for the end of its page's head. */
  readonly head: string;
  readonly logger: Logger;
}

/** A router to be mounted at `base`, behind the login. */
export function queueBoard({ queues, base, head, logger }: QueueBoardOptions): Router {
  const adapter = new ExpressAdapter();
  adapter.setBasePath(base);
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: adapter,
    options: {
      // Left to itself it looks for this folder with `eval`.
      uiBasePath: path.dirname(
        createRequire(import.meta.url).resolve('@bull-board/ui/package.json'),
      ),
      uiConfig: {
        boardTitle: 'Touchline queues',
        hideRedisDetails: true,
        miscLinks: [{ text: 'Control room', url: '/' }],
      },
    },
  });
  const board = adapter.getRouter() as Express & { readonly engines: Record<string, Render> };
  const render = board.engines['.ejs'];
  if (render !== undefined) {
    board.engine('ejs', (file, options, done) => {
      render(file, options, (error, page) => {
        done(error, page && withoutForeignLinks(page).replace('</head>', `${head}</head>`));
      });
    });
  }
  const router = Router();
  router.use(onlyReads(logger), board);
  return router;
}

const onlyReads =
  (logger: Logger): RequestHandler =>
  (request, response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendError(response, new PipelineError('FORBIDDEN', 'the queue board only shows'), logger);
      return;
    }
    response.setHeader('content-security-policy', POLICY);
    next();
  };
