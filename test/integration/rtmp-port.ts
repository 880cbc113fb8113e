/** An RTMP port of a test's own, with publications that note what reaches them. */
import { Registry } from 'prom-client';
import { createLogger } from '#common/logger';
import type { Publication, PublishRequest } from '../../ingest/publication.ts';
import { startRtmpListener, type RtmpListener } from '../../ingest/rtmp-listener.ts';
import { command, HELLO, message } from '../fault/rtmp-bytes.ts';
import { sendPieces, type Seen } from '../fault/rtmp-peer.ts';
import { RTMP_MESSAGE } from '../helpers/rtmp-chunks.ts';

/** The one key that is taken. */
export const KEY = 'right';

/** An open port. */
export interface Port {
  readonly port: number;
  /** `type@timestamp:bytes` of every message that reached a publication. */
  readonly tags: string[];
  /** `clean` or `broken` of every publication's end. */
  readonly ends: string[];
  readonly requests: PublishRequest[];
  readonly metrics: Registry;
}

const open: RtmpListener[] = [];

/** Closes every port. */
export async function closePorts(): Promise<void> {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
}

/** Times that no test reaches. */
export const LONG = { greeting: 10_000, setup: 10_000, silence: 10_000 };

/** Opens a port; close it with {@link closePorts}. */
export async function listen({
  timeouts = LONG,
  limits = { total: 256, perSource: 64 },
  tag = undefined as Publication['tag'] | undefined,
} = {}): Promise<Port> {
  const [tags, ends, requests]: [string[], string[], PublishRequest[]] = [[], [], []];
  const metrics = new Registry();
  const accept = (request: PublishRequest): Publication | undefined => {
    requests.push(request);
    return request.key !== KEY
      ? undefined
      : {
          tag: (type, timestamp, data) => {
            tags.push(`${type}@${timestamp}:${data.length}`);
            tag?.(type, timestamp, data);
          },
          end: (isClean) => ends.push(isClean ? 'clean' : 'broken'),
        };
  };
  const publishers = { accept, wouldAccept: (key: string) => key === KEY };
  const options = { host: '127.0.0.1', port: 0, limits, bitrate: 160_000_000, timeouts };
  const logger = createLogger('rtmp-test', 'silent');
  const listener = await startRtmpListener(options, { publishers, logger, metrics });
  open.push(listener);
  return { port: listener.port, tags, ends, requests, metrics };
}

/** Sends a handshake and pieces, and waits until the server closes. */
export const send = (port: Port, ...pieces: readonly Buffer[]): Promise<Seen> =>
  sendPieces([HELLO, ...pieces], { port: port.port, patience: 10_000 });

/** A message of sound. */
export const audio = (timestamp: number, size = 10, stream = 1): Buffer =>
  message(RTMP_MESSAGE.audio, Buffer.alloc(size, 0xaf), { stream, timestamp, cs: 4 });

/** Ends stream 1. */
export const stop = command(0, 'deleteStream', 9, null, 1);
/** Makes the server end the connection, so that everything before it has been looked at. */
export const over = command(0, 'connect', 9, {});
