/** Coded frames out of raw chunks in the store, for when the hot stream no longer has them. */
import { createHash } from 'node:crypto';
import type { CodedFrame } from '#common/contracts/frame';
import { storeKeys } from '#common/contracts/names';
import { rawRecordSchema, type RawFrame, type RawRecord } from '#common/contracts/raw-chunk';
import { PipelineError } from '#common/errors';
import type { ObjectStore } from '#common/store/store';
import type { SegmentNumber } from '#common/time';

/** The one method of a store that reading needs. */
export type RawStore = Pick<ObjectStore, 'get'>;

/** Which frames of which chunk. */
export interface RawRequest {
  readonly channel: string;
  readonly session: string;
  readonly chunk: SegmentNumber;
  readonly isWanted: (seq: number) => boolean;
}

/**
 * Reads the wanted frames of one raw chunk, in order of arrival; none when the chunk is not in the store (yet).
 * @throws PipelineError `BAD_MEDIA` when record and bytes do not belong together
 */
export async function readRawFrames(store: RawStore, request: RawRequest): Promise<CodedFrame[]> {
  const { channel, session, chunk: n, isWanted } = request;
  const json = await store.get(storeKeys.rawRecord(channel, session, n));
  if (json === undefined) {
    return [];
  }
  const record = parseRecord(json, storeKeys.rawRecord(channel, session, n));
  const wanted = record.frames.filter((frame) => isWanted(frame.seq));
  if (wanted.length === 0) {
    return [];
  }
  const key = storeKeys.rawChunk(channel, session, n);
  const bytes = await store.get(key);
  if (bytes === undefined) {
    return [];
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (bytes.byteLength !== record.bytes || sha256 !== record.sha256) {
    throw new PipelineError('BAD_MEDIA', `${key} is not the chunk of its record`);
  }
  return wanted.map((frame) => codedFrame(frame, bytes, key));
}

function parseRecord(json: Buffer, key: string): RawRecord {
  try {
    return rawRecordSchema.parse(JSON.parse(json.toString('utf8')));
  } catch (error) {
    throw new PipelineError('BAD_MEDIA', `${key} is no record of a raw chunk`, { cause: error });
  }
}

function codedFrame(frame: RawFrame, bytes: Buffer, key: string): CodedFrame {
  const end = frame.offset + frame.size;
  if (end > bytes.byteLength) {
    throw new PipelineError('BAD_MEDIA', `${key}: frame ${frame.seq} ends at ${end}`);
  }
  const data = bytes.subarray(frame.offset, end);
  if (frame.kind === 'video') {
    const { kind, seq, index, dts, flags } = frame;
    return { kind, seq, index, dts, flags, data };
  }
  const { kind, seq, origin, k, rate, channels, config } = frame;
  return {
    kind,
    seq,
    origin,
    k,
    rate,
    channels,
    config: Buffer.from(config, 'hex'),
    data,
  };
}
