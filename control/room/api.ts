/** Calls of the control API, with errors that can be shown beside the field they are about. */
import { z } from 'zod';
import { channelViewSchema } from '#common/contracts/channel-status';
import { broadcastSchema, type Broadcast } from '#common/contracts/segment';

const DEADLINE_MS = 15_000;
const errorSchema = z.object({ error: z.object({ message: z.string() }) });
const keySchema = channelViewSchema.extend({ streamKey: z.string() });
const broadcastsSchema = z.object({ broadcasts: z.array(broadcastSchema) });

/** An answer that is no success; its message is meant to be read. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

async function call(method: string, path: string, body?: unknown): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      signal: AbortSignal.timeout(DEADLINE_MS),
      ...(body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new Error('The server does not answer. Nothing was changed, as far as we know.', {
      cause: error,
    });
  }
  if (answer.status === 401) {
    location.assign('/login');
  }
  const text = await answer.text();
  if (answer.ok) {
    return text === '' ? undefined : JSON.parse(text);
  }
  throw new ApiError(answer.status, messageOf(text) ?? `The server answers ${answer.status}.`);
}

function messageOf(text: string): string | undefined {
  try {
    return errorSchema.parse(JSON.parse(text)).error.message;
  } catch {
    return undefined;
  }
}

/** Makes a channel; returns its stream key. */
export const createChannel = async (body: object): Promise<string> =>
  keySchema.parse(await call('POST', '/v1/channels', body)).streamKey;

/** Changes a channel. */
export const changeChannel = async (id: string, body: object): Promise<void> => {
  await call('PATCH', `/v1/channels/${id}`, body);
};

/** Deletes a channel. */
export const deleteChannel = async (id: string): Promise<void> => {
  await call('DELETE', `/v1/channels/${id}`);
};

/** Ends what a channel has on air. */
export const endBroadcast = async (id: string): Promise<void> => {
  await call('POST', `/v1/channels/${id}/end`);
};

/** Makes a new stream key and returns it. */
export const renewKey = async (id: string): Promise<string> =>
  keySchema.parse(await call('POST', `/v1/channels/${id}/stream-key`)).streamKey;

/** A channel's broadcasts, newest first. */
export const listBroadcasts = async (id: string): Promise<readonly Broadcast[]> =>
  broadcastsSchema.parse(await call('GET', `/v1/channels/${id}/broadcasts`)).broadcasts;
