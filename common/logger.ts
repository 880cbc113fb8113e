/** pino, set up once: object first, constant message last, secrets redacted at the source. */
import { pino, type Logger } from 'pino';

export type { Logger };

const SECRET_FIELDS = [
  'streamKey',
  'token',
  'authorization',
  'password',
  'secretAccessKey',
  'cookie',
];

/** A service's root logger; children carry channel, session, rendition, segment number. */
export function createLogger(service: string, level: string): Logger {
  return pino({
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]),
      censor: '[redacted]',
    },
    serializers: { error: pino.stdSerializers.errWithCause },
  });
}
