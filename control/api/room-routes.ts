/** The control room's page, its assets, and what they are told: `/`, `/assets`, `/v1/events`, preview pictures. */
import { Router, type Request, type Response } from 'express';
import type { BuiltFile } from '#common/built-pages';
import { PipelineError } from '#common/errors';
import { admissionOf } from './admission.ts';
import type { EventStream } from './event-stream.ts';
import type { Previews } from './previews.ts';
import type { Room } from './room.ts';
import type { RoomFiles } from './room-files.ts';
import { idOf } from './routes.ts';

/** What the page may load: its own files, and nothing inline. */
const ROOM_POLICY = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `img-src 'self'`,
  `connect-src 'self'`,
  `form-action 'self'`,
  `base-uri 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

/** What the routes act upon. */
export interface RoomRouteDeps {
  readonly room: Pick<Room, 'first'> & {
    readonly events: Pick<EventStream, 'hasRoom' | 'open' | 'endSession'>;
  };
  /** The built page; undefined when it is not built. */
  readonly files: RoomFiles | undefined;
  readonly previews: Pick<Previews, 'latest'>;
  readonly now: () => number;
}

/** See the head of this file. */
export function roomRoutes({ room, files, previews, now }: RoomRouteDeps): Router {
  const router = Router({ caseSensitive: true, strict: true });
  router.get('/', (request, response) => {
    if (files === undefined) {
      throw new PipelineError('UNAVAILABLE', 'the control room is not built: npm run build');
    }
    response.setHeader('content-security-policy', ROOM_POLICY);
    sendFile(request, response, files.page);
  });
  router.get('/assets/:name', (request, response, next) => {
    const file = files?.assets.get(request.params.name);
    if (file === undefined) {
      next();
      return;
    }
    // Names carry a hash of what is in them.
    response.setHeader('cache-control', 'private, max-age=31536000, immutable');
    sendFile(request, response, file);
  });

  router.get('/v1/events', (_request, response) => {
    if (!room.events.hasRoom) {
      response.setHeader('retry-after', '5');
      throw new PipelineError('OVERLOADED', 'too many control rooms are open');
    }
    const admission = admissionOf(response);
    const session = admission?.kind === 'cookie' ? admission : undefined;
    room.events.open(response, room.first(), session, now());
  });
  router.get('/v1/channels/:id/preview.jpg', async (request, response) => {
    const image = await previews.latest(idOf(request));
    response.type('image/jpeg').send(image);
  });
  return router;
}

function sendFile(request: Request, response: Response, file: BuiltFile): void {
  const isPacked = request.acceptsEncodings('br') === 'br';
  response.setHeader('content-type', file.type);
  response.setHeader('vary', 'accept-encoding');
  if (isPacked) {
    response.setHeader('content-encoding', 'br');
  }
  response.send(isPacked ? file.brotli : file.plain);
}
