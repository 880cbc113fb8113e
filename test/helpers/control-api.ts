/** A client of the control API, as an operator's script would use it. */
import { z } from 'zod';
import type { Ladder } from '#common/contracts/channel';
import type { FpsName } from '#common/grid';
import { assertDescribed } from './described-answers.ts';

/** What a test asks a channel to be. */
export interface ChannelRequest {
  readonly id: string;
  readonly fps?: FpsName;
  readonly ladder?: Ladder;
  /** Whatever the API takes, and what it does not. */
  readonly profile?: string;
  readonly priority?: number;
  readonly dvrSeconds?: number;
  readonly reconnectSeconds?: number;
}

const statusSchema = z.looseObject({
  id: z.string(),
  onAir: z.boolean(),
  broadcast: z.number().nullish(),
  fps: z.string().nullish(),
  renditions: z.array(
    z.looseObject({
      id: z.string(),
      published: z.number().nullish(),
      withheld: z.looseObject({ from: z.number(), reason: z.string() }).optional(),
    }),
  ),
  feeds: z.array(z.looseObject({ slot: z.string(), connected: z.boolean() })),
  warnings: z.array(z.looseObject({ code: z.string(), message: z.string() })),
});
/** `GET /v1/channels/:id/status`, as far as tests read it. */
export type ChannelStatus = z.infer<typeof statusSchema>;

/** Bound to one pipeline. */
export class ControlApi {
  readonly #base: string;
  readonly #token: string;

  constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  /** Creates a channel; returns its stream key. */
  async createChannel(request: ChannelRequest): Promise<string> {
    const body = await this.call('POST', '/v1/channels', 201, request);
    return z.looseObject({ streamKey: z.string() }).parse(body).streamKey;
  }

  /** A channel's state. */
  async status(channel: string): Promise<ChannelStatus> {
    return statusSchema.parse(await this.call('GET', `/v1/channels/${channel}/status`, 200));
  }

  /** Calls the API. Throws unless it answers with the status expected. */
  async call(method: string, path: string, expected: number, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status !== expected) {
      throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    }
    assertDescribed({ method, path, status: response.status, text });
    return text === '' ? undefined : JSON.parse(text);
  }
}
