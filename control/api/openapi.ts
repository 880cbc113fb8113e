/** The API's description, made from the schemas that validate it (OpenAPI 3.1, whose schemas are JSON Schema). */
import { z } from 'zod';
import { channelIdSchema } from '#common/contracts/channel';
import { channelViewSchema, statusViewSchema } from '#common/contracts/channel-status';
import { edgeViewSchema, snapshotSchema, workerViewSchema } from '#common/contracts/control-room';
import { serviceRecordSchema } from '#common/contracts/status';
import { edgeDirectorySchema } from '#common/edge-directory';
import {
  broadcastsViewSchema,
  createBodySchema,
  endViewSchema,
  errorViewSchema,
  keyViewSchema,
  patchBodySchema,
} from './schemas.ts';

interface Operation {
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, z.ZodType>>;
  readonly body?: z.ZodType;
  readonly status: number;
  readonly answer?: z.ZodType;
  readonly errors?: readonly number[];
  /** `application/json` by default. */
  readonly type?: string;
}

const listOf = (name: string, item: z.ZodType): z.ZodType =>
  z.strictObject({ [name]: z.array(item) });

const OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/openapi.json',
    summary: 'This description',
    status: 200,
    answer: z.looseObject({ openapi: z.literal('3.1.0') }),
  },
  {
    method: 'get',
    path: '/v1/channels',
    summary: 'Every channel',
    status: 200,
    answer: listOf('channels', channelViewSchema),
  },
  {
    method: 'post',
    path: '/v1/channels',
    summary: 'Make a channel; its stream key is shown this once',
    body: createBodySchema,
    status: 201,
    answer: keyViewSchema,
    errors: [400, 409, 413],
  },
  {
    method: 'get',
    path: '/v1/channels/{id}',
    summary: 'One channel',
    status: 200,
    answer: channelViewSchema,
    errors: [404],
  },
  {
    method: 'patch',
    path: '/v1/channels/{id}',
    summary:
      'Change a channel; its ladder counts from the next broadcast, its frame rate only off air',
    body: patchBodySchema,
    status: 200,
    answer: channelViewSchema,
    errors: [400, 404, 409, 413],
  },
  {
    method: 'delete',
    path: '/v1/channels/{id}',
    summary: 'Delete a channel that is off air; its recordings stay',
    status: 204,
    errors: [404, 409],
  },
  {
    method: 'post',
    path: '/v1/channels/{id}/stream-key',
    summary: 'Make a new stream key, shown this once; the old one’s publisher is dropped',
    status: 200,
    answer: keyViewSchema,
    errors: [404],
  },
  {
    method: 'post',
    path: '/v1/channels/{id}/end',
    summary: 'End the broadcast on air; its publisher is dropped',
    status: 200,
    answer: endViewSchema,
    errors: [404, 409, 504],
  },
  {
    method: 'get',
    path: '/v1/channels/{id}/status',
    summary: 'What is on air, how far each rendition is, and what needs attention',
    status: 200,
    answer: statusViewSchema,
    errors: [404],
  },
  {
    method: 'get',
    path: '/v1/channels/{id}/broadcasts',
    summary: 'Broadcasts on air and recorded, newest first',
    status: 200,
    answer: broadcastsViewSchema,
    errors: [404],
  },
  {
    method: 'get',
    path: '/v1/workers',
    summary: 'Transcoder workers: what each does, and how fast',
    status: 200,
    answer: listOf('workers', workerViewSchema),
  },
  {
    method: 'get',
    path: '/v1/edges',
    summary: 'Edges: hit ratio and traffic',
    status: 200,
    answer: listOf('edges', edgeViewSchema),
  },
  {
    method: 'get',
    path: '/v1/edges/nearest',
    summary: 'The directory of edges, as viewers get it from any edge',
    query: { channel: channelIdSchema },
    status: 200,
    answer: edgeDirectorySchema,
    errors: [400],
  },
  {
    method: 'get',
    path: '/v1/services',
    summary: 'Every service heard of in the last ten seconds',
    status: 200,
    answer: listOf('services', serviceRecordSchema),
  },
  {
    method: 'get',
    path: '/v1/channels/{id}/preview.jpg',
    summary: 'A small picture of what is on air',
    status: 200,
    answer: z.string(),
    type: 'image/jpeg',
    errors: [404],
  },
  {
    method: 'get',
    path: '/v1/events',
    summary:
      'Server-sent events: `history` once, then `snapshot` each second, or `trouble`; `end` with the session',
    status: 200,
    answer: snapshotSchema,
    type: 'text/event-stream',
    errors: [503],
  },
];

/** A JSON document. */
export type JsonObject = Readonly<Record<string, unknown>>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): JsonObject => {
  const { $schema: _version, ...json } = z.toJSONSchema(schema, { io });
  return json;
};

const contentOf = (schema: JsonObject, type = 'application/json'): JsonObject => ({
  content: { [type]: { schema } },
});

function operationOf(operation: Operation): JsonObject {
  const { path, summary, query = {}, body, status, answer, errors = [] } = operation;
  const inPath = path.includes('{id}') ? ([['id', 'path', channelIdSchema]] as const) : [];
  const inQuery = Object.entries(query).map(([name, schema]) => [name, 'query', schema] as const);
  const parameters = [...inPath, ...inQuery].map(([name, place, schema]) => ({
    name,
    in: place,
    required: true,
    schema: schemaOf(schema, 'input'),
  }));
  const error = { description: 'Error', ...contentOf({ $ref: '#/components/schemas/Error' }) };
  return {
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, ...contentOf(schemaOf(body, 'input')) } }),
    responses: {
      [status]: {
        description: 'Done',
        ...(answer === undefined ? {} : contentOf(schemaOf(answer, 'output'), operation.type)),
      },
      ...Object.fromEntries([401, ...errors].map((code) => [code, error])),
      default: error,
    },
  };
}

/** The document at `/v1/openapi.json`. */
export function openApiDocument(): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method] = operationOf(operation);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Touchline control API', version: '1' },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: schemaOf(errorViewSchema, 'output') },
    },
  };
}
