/** The bytes of publishers' sessions, piece by piece, so that attacks can change any of them. */
import { encodeAmf, type AmfValue } from '../helpers/amf0.ts';
import type { FlvTag } from '../helpers/flv.ts';
import { encodeMessage, RTMP_MESSAGE, type RtmpMessage } from '../helpers/rtmp-chunks.ts';

/** Chunk size that these sessions set. */
export const CHUNK_SIZE = 4096;
const DEFAULT_CHUNK_SIZE = 128;
const HANDSHAKE = 1536;

/** C0, C1 and C2, without waiting for an answer. */
export const HELLO = Buffer.concat([Buffer.of(3), Buffer.alloc(2 * HANDSHAKE, 7)]);

/** Four bytes. */
export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A message of the default chunk size, or of another. */
export function message(
  type: number,
  body: Buffer,
  { stream = 0, timestamp = 0, cs = 3, chunkSize = DEFAULT_CHUNK_SIZE } = {},
): Buffer {
  return encodeMessage({ type, stream, timestamp, body }, cs, chunkSize);
}

/** A command on a stream. */
export const command = (stream: number, ...values: readonly AmfValue[]): Buffer =>
  message(RTMP_MESSAGE.command, encodeAmf(...values), { stream });

/** Set Chunk Size. */
export const setChunkSize = (size: number): Buffer =>
  message(RTMP_MESSAGE.setChunkSize, word(size), { cs: 2 });

const CONNECT = { app: 'live', tcUrl: 'rtmp://127.0.0.1/live', flashVer: 'FMLE/3.0' };

/** connect and createStream. */
export const opening = (): Buffer[] => [
  command(0, 'connect', 1, CONNECT),
  command(0, 'createStream', 2, null),
];

/** connect, createStream and publish. */
export const publishing = (key: string): Buffer[] => [
  ...opening(),
  command(1, 'publish', 3, null, key, 'live'),
];

const CHUNK_STREAM: Readonly<Record<number, number>> = { 8: 4, 9: 6, 18: 5 };

/** Media as messages of {@link CHUNK_SIZE}. */
export const media = (tags: readonly FlvTag[], stream = 1): Buffer[] =>
  tags.flatMap(({ type, timestamp, data }) =>
    chunksOf({ type, stream, timestamp, body: data }, CHUNK_STREAM[type] ?? 5),
  );

/** A message's chunks of {@link CHUNK_SIZE}, one by one. */
function chunksOf(whole: RtmpMessage, cs: number): Buffer[] {
  const bytes = encodeMessage(whole, cs, CHUNK_SIZE);
  const extended = whole.timestamp >= 0xffffff ? 4 : 0;
  const first = 12 + extended + CHUNK_SIZE;
  const rest = 1 + extended + CHUNK_SIZE;
  const chunks = [bytes.subarray(0, first)];
  for (let at = first; at < bytes.length; at += rest) {
    chunks.push(bytes.subarray(at, at + rest));
  }
  return chunks;
}

/** Everything a well-behaved publisher of these tags sends: the handshake, then chunk after chunk. */
export const validSession = (key: string, tags: readonly FlvTag[]): Buffer[] => [
  HELLO,
  ...publishing(key).slice(0, 1),
  setChunkSize(CHUNK_SIZE),
  ...publishing(key).slice(1),
  ...media(tags),
  command(0, 'FCUnpublish', 4, null, key),
  command(0, 'deleteStream', 5, null, 1),
];
