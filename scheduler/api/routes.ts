/** The control API's routes. */
import { Router, type Request } from 'express';
import { channelIdSchema } from '../../common/contracts/channel.ts';
import type { ServiceRecord } from '../../common/contracts/status.ts';
import { nearestEdges } from '../../common/edge-directory.ts';
import type { ChannelService } from './channel-service.ts';
import { openApiDocument } from './openapi.ts';
import { createBodySchema, parseInput, patchBodySchema } from './schemas.ts';

/** What the routes act upon. */
export interface RouteDeps {
  readonly channels: ChannelService;
  readonly services: () => Promise<readonly ServiceRecord[]>;
}

const idOf = (request: Request): string => parseInput(channelIdSchema, request.params['id']);

/** Everything below `/v1`. */
export function apiRoutes({ channels, services }: RouteDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const document = openApiDocument();

  router.get('/openapi.json', (_request, response) => {
    response.json(document);
  });

  router
    .route('/channels')
    .get(async (_request, response) => {
      response.json({ channels: await channels.list() });
    })
    .post(async (request, response) => {
      const created = await channels.create(parseInput(createBodySchema, request.body));
      response.status(201).location(`/v1/channels/${created.id}`).json(created);
    });

  router
    .route('/channels/:id')
    .get(async (request, response) => {
      response.json(await channels.get(idOf(request)));
    })
    .patch(async (request, response) => {
      const id = idOf(request);
      response.json(await channels.patch(id, parseInput(patchBodySchema, request.body)));
    })
    .delete(async (request, response) => {
      await channels.remove(idOf(request));
      response.status(204).end();
    });

  router.post('/channels/:id/stream-key', async (request, response) => {
    response.json(await channels.renewKey(idOf(request)));
  });
  router.post('/channels/:id/end', async (request, response) => {
    response.json(await channels.end(idOf(request)));
  });
  router.get('/channels/:id/status', async (request, response) => {
    response.json(await channels.status(idOf(request)));
  });
  router.get('/channels/:id/broadcasts', async (request, response) => {
    response.json({ broadcasts: await channels.broadcasts(idOf(request)) });
  });

  router.get('/edges/nearest', async (request, response) => {
    parseInput(channelIdSchema, request.query['channel']);
    response.json(nearestEdges(await services(), undefined, Date.now()));
  });
  router.get('/services', async (_request, response) => {
    response.json({ services: await services() });
  });
  for (const [path, service] of [
    ['workers', 'transcoder'],
    ['edges', 'edge'],
  ] as const) {
    router.get(`/${path}`, async (_request, response) => {
      const all = await services();
      response.json({ [path]: all.filter((record) => record.service === service) });
    });
  }
  return router;
}
