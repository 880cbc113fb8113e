/** Pages, the player's files and the directory: everything that is not media, by Express. */
import { randomUUID } from 'node:crypto';
import express, { type Express, type Request, type Response } from 'express';
import type { BuiltFile } from '#common/built-pages';
import { channelIdSchema } from '#common/contracts/channel';
import { pagePath, type Multiview, type PlayerPage } from '#common/contracts/delivery';
import type { EdgeDirectory } from '#common/edge-directory';
import { PipelineError, httpStatusOf, isRetryable, toPipelineError } from '#common/errors';
import type { Logger } from '#common/logger';
import { parseRoute } from './paths.ts';
import type { PlayerFiles } from './player-files.ts';

/** What the pages need. */
export interface PagesOptions {
  /** Undefined when the player has not been built. */
  readonly player: PlayerFiles | undefined;
  readonly logger: Logger;
  /** Answers soon, also while nobody can tell: pages wait for it. */
  readonly directory: () => Promise<EdgeDirectory>;
  /** Whether there is a channel of this name; as soon. */
  readonly hasChannel: (channel: string) => Promise<boolean>;
}

/**
 * Scripts of our own only: from here, and from the edges known, since this one may die before its page does. Media may
 * come from any edge, also one that starts later; its sources are made by the player (`blob:`).
 */
const contentPolicy = (edges: readonly string[], ancestors: string): string =>
  [
    "default-src 'none'",
    `script-src ${["'self'", ...edges].join(' ')}`,
    // The controls are elements with styles of their own inside.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: http: https:",
    "font-src 'self'",
    "connect-src 'self' http: https:",
    "media-src 'self' blob: http: https:",
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${ancestors}`,
  ].join('; ');

/** What cannot be answered now may be asked again after this. */
const RETRY_AFTER_SECONDS = 2;

const COMMON_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'strict-origin-when-cross-origin',
} as const;

/** The application behind the media handler. */
export function createPages(options: PagesOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(async (request: Request, response: Response) => {
    response.set(COMMON_HEADERS);
    try {
      await answer(options, request, response);
    } catch (error) {
      sendError(options.logger, response, toPipelineError(error));
    }
  });
  return app;
}

async function answer(options: PagesOptions, request: Request, response: Response): Promise<void> {
  const { player } = options;
  const route = parseRoute(request.originalUrl);
  switch (route.kind) {
    case 'page':
      response.set({
        'content-security-policy': contentPolicy(
          await knownEdges(options),
          route.page === 'embed' ? '*' : "'self'",
        ),
        'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()',
        'cache-control': 'no-cache',
      });
      response.status(await pageStatus(options, route));
      sendFile(request, response, built(player).pages[route.page]);
      return;
    case 'asset': {
      const name = route.name;
      const file = built(player).assets.get(name);
      if (file === undefined) {
        throw new PipelineError('NOT_FOUND', 'no such file');
      }
      // Asset names carry a hash of their content.
      response.set({
        'cache-control': 'public, max-age=31536000, immutable',
        'access-control-allow-origin': '*',
      });
      sendFile(request, response, file);
      return;
    }
    case 'nearest': {
      const channel = channelIdSchema.safeParse(request.query['channel']);
      if (!channel.success) {
        throw new PipelineError('BAD_REQUEST', 'channel: must be a channel id');
      }
      response.set({ 'cache-control': 'public, max-age=2', 'access-control-allow-origin': '*' });
      response.json(await options.directory());
      return;
    }
    case 'home':
      response
        .set('cache-control', 'no-store')
        .redirect(302, pagePath({ page: 'watch', channel: 'main' }));
      return;
    case 'none':
      if (request.path === '/favicon.ico' && player !== undefined) {
        response.redirect(302, `/assets/${player.icon}`);
        return;
      }
      throw new PipelineError('NOT_FOUND', 'nothing here');
    case 'media':
    case 'malformed':
    case 'time':
      throw new PipelineError('INTERNAL', 'media reached the pages');
  }
}

/** Origins of the edges that are alive; without the directory a page still works, from its own edge. */
async function knownEdges({ directory }: PagesOptions): Promise<readonly string[]> {
  try {
    const { edges } = await directory();
    return edges.map(({ url }) => new URL(url).origin);
  } catch {
    return [];
  }
}

/** It is the same page whatever the status: it says what is wrong, and starts when there is such a channel. */
async function pageStatus(options: PagesOptions, page: PlayerPage | Multiview): Promise<number> {
  if (page.page !== 'multiview') {
    return (await isKnown(options, page.channel)) ? 200 : 404;
  }
  if (page.fault !== undefined) {
    return page.fault === 'malformed' ? 404 : 400;
  }
  const known = await Promise.all(page.channels.map((channel) => isKnown(options, channel)));
  return known.includes(true) ? 200 : 404;
}

/** Before the first word from Redis every channel counts as known. */
async function isKnown({ hasChannel }: PagesOptions, channel: string): Promise<boolean> {
  try {
    return await hasChannel(channel);
  } catch {
    return true;
  }
}

function built(player: PlayerFiles | undefined): PlayerFiles {
  if (player === undefined) {
    throw new PipelineError('UNAVAILABLE', 'the player is not built: npm run build');
  }
  return player;
}

function sendFile(request: Request, response: Response, file: BuiltFile): void {
  response.set({ 'content-type': file.type, vary: 'Accept-Encoding' });
  const encoding = request.acceptsEncodings('br', 'gzip', 'identity');
  const packed = encoding === 'br' ? file.brotli : encoding === 'gzip' ? file.gzip : undefined;
  if (packed !== undefined && encoding !== false) {
    response.set('content-encoding', encoding);
  }
  const body = packed ?? file.plain;
  response.set('content-length', String(body.length));
  response.end(request.method === 'HEAD' ? undefined : body);
}

function sendError(logger: Logger, response: Response, error: PipelineError): void {
  const requestId = randomUUID();
  const status = httpStatusOf(error.code);
  if (status === 500) {
    logger.error({ error, requestId }, 'request failed');
  }
  if (isRetryable(error.code)) {
    response.set('retry-after', String(RETRY_AFTER_SECONDS));
  }
  const message = status === 500 ? 'something went wrong here' : error.message;
  response
    .status(status)
    .set('cache-control', 'no-store')
    .json({ error: { code: error.code, message, requestId } });
}
