/** The API's description, made from the schemas that validate it (OpenAPI 3.1, whose schemas are JSON Schema). */
import { z } from 'zod';
import { channelIdSchema } from '../../common/contracts/channel.ts';
import { serviceRecordSchema } from '../../common/contracts/status.ts';
import { edgeDirectorySchema } from '../../common/edge-directory.ts';
import {
  broadcastsViewSchema,
  channelViewSchema,
  createBodySchema,
  endViewSchema,
  errorViewSchema,
  keyViewSchema,
  patchBodySchema,
  servicesViewSchema,
  statusViewSchema,
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
}

const listOf = (name: string, item: z.ZodType): z.ZodType =>
  z.strictObject({ [name]: z.array(item) });

const OPERATIONS: readonly Operation[] = [
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
    summary: 'Transcoder workers',
    status: 200,
    answer: listOf('workers', serviceRecordSchema),
  },
  {
    method: 'get',
    path: '/v1/edges',
    summary: 'Edges',
    status: 200,
    answer: listOf('edges', serviceRecordSchema),
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
    answer: servicesViewSchema,
  },
];

/** A JSON document. */
export type JsonObject = Readonly<Record<string, unknown>>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): JsonObject => {
  const { $schema: _version, ...json } = z.toJSONSchema(schema, { io });
  return json;
};

const jsonContent = (schema: JsonObject): JsonObject => ({
  content: { 'application/json': { schema } },
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
  const error = { description: 'Error', ...jsonContent({ $ref: '#/components/schemas/Error' }) };
  return {
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, ...jsonContent(schemaOf(body, 'input')) } }),
    responses: {
      [status]: {
        description: 'Done',
        ...(answer === undefined ? {} : jsonContent(schemaOf(answer, 'output'))),
      },
      ...Object.fromEntries([401, ...errors].map((code) => [code, error])),
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
