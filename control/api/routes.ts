/** The control API's routes. */
import { Router, type Request } from 'express';
import { z } from 'zod';
import { channelIdSchema } from '#common/contracts/channel';
import type { ServiceRecord } from '#common/contracts/status';
import { nearestEdges } from '#common/edge-directory';
import type { ChannelService } from './channel-service.ts';
import type { EdgeViews } from './edge-views.ts';
import { openApiDocument } from './openapi.ts';
import { onlyMethods } from './requests.ts';
import { createBodySchema, parseInput, patchBodySchema } from './schemas.ts';
import { workerViews } from './worker-views.ts';

/** What the routes act upon. */
export interface RouteDeps {
  readonly channels: Omit<ChannelService, 'room'>;
  readonly services: () => Promise<readonly ServiceRecord[]>;
  readonly edges: EdgeViews;
}

/** The channel's id in a request's path. */
export const idOf = (request: Request): string =>
  parseInput(z.strictObject({ id: channelIdSchema }), { id: request.params['id'] }).id;

/** Everything below `/v1`. */
export function apiRoutes({ channels, services, edges }: RouteDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const document = openApiDocument();

  router
    .route('/openapi.json')
    .get((_request, response) => {
      response.json(document);
    })
    .all(onlyMethods('GET'));

  router
    .route('/channels')
    .get(async (_request, response) => {
      response.json({ channels: await channels.list() });
    })
    .post(async (request, response) => {
      const created = await channels.create(parseInput(createBodySchema, request.body));
      response.status(201).location(`/v1/channels/${created.id}`).json(created);
    })
    .all(onlyMethods('GET', 'POST'));

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
    })
    .all(onlyMethods('GET', 'PATCH', 'DELETE'));

  router
    .route('/channels/:id/stream-key')
    .post(async (request, response) => {
      response.json(await channels.renewKey(idOf(request)));
    })
    .all(onlyMethods('POST'));
  router
    .route('/channels/:id/end')
    .post(async (request, response) => {
      response.json(await channels.end(idOf(request)));
    })
    .all(onlyMethods('POST'));
  router
    .route('/channels/:id/status')
    .get(async (request, response) => {
      response.json(await channels.status(idOf(request)));
    })
    .all(onlyMethods('GET'));
  router
    .route('/channels/:id/broadcasts')
    .get(async (request, response) => {
      response.json({ broadcasts: await channels.broadcasts(idOf(request)) });
    })
    .all(onlyMethods('GET'));

  router
    .route('/services')
    .get(async (_request, response) => {
      response.json({ services: await services() });
    })
    .all(onlyMethods('GET'));
  router
    .route('/workers')
    .get(async (_request, response) => {
      response.json({ workers: workerViews(await services()) });
    })
    .all(onlyMethods('GET'));
  router
    .route('/edges')
    .get(async (_request, response) => {
      response.json({ edges: edges.of(await services()) });
    })
    .all(onlyMethods('GET'));
  router
    .route('/edges/nearest')
    .get(async (request, response) => {
      parseInput(z.object({ channel: channelIdSchema }), request.query);
      response.json(nearestEdges(await services(), undefined, Date.now()));
    })
    .all(onlyMethods('GET'));
  return router;
}
