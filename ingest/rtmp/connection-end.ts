/** Why connections ended: a counter by reason, and log lines that an attack cannot multiply. */
import { Counter, type Registry } from 'prom-client';
import type { ErrorCode, PipelineError } from '#common/errors';
import type { Logger } from '#common/logger';
import { SparseLog } from '../sparse-log.ts';

/** Every reason. The server's own come first; `left`: the peer closed. */
export type ConnectionEnd =
  | 'evicted'
  | 'full'
  | 'greeting-timeout'
  | 'setup-timeout'
  | 'silent'
  | 'refused'
  | 'malformed'
  | 'too-large'
  | 'overloaded'
  | 'unsupported'
  | 'stopped'
  | 'failed'
  | 'left';

const BY_CODE: Partial<Record<ErrorCode, ConnectionEnd>> = {
  BAD_REQUEST: 'malformed',
  BAD_MEDIA: 'malformed',
  TOO_LARGE: 'too-large',
  OVERLOADED: 'overloaded',
  UNSUPPORTED_MEDIA: 'unsupported',
  TIMEOUT: 'silent',
};

/** The reason that an error is. */
export const endOf = (error: PipelineError): ConnectionEnd => BY_CODE[error.code] ?? 'failed';

/** Takes note of a connection's end. */
export type NoteEnd = (end: ConnectionEnd, address: string, cause?: PipelineError) => void;

/** Counts and logs. `failed` is our mistake: it is logged as an error with its stack. */
export function createEndNotes(metrics: Registry, logger: Logger, now: () => number): NoteEnd {
  const counter = new Counter({
    name: 'touchline_ingest_rtmp_ends_total',
    help: 'RTMP connections that ended, by reason',
    labelNames: ['reason'],
    registers: [metrics],
  });
  const lines = new SparseLog<ConnectionEnd>();
  return (end, address, cause) => {
    counter.inc({ reason: end });
    const more = lines.take(end, now());
    const facts = { end, address, reason: cause?.message };
    if (more === undefined || end === 'left' || end === 'stopped') {
      logger.debug(facts, 'connection ended');
    } else if (end === 'failed') {
      logger.error({ ...facts, error: cause, more }, 'connection failed');
    } else {
      logger.info({ ...facts, more }, 'connection ended');
    }
  };
}
