/**
 * TLS on the port that plain HTTP has: a connection whose first byte begins a handshake (RFC 8446 §5.1) is taken over here
 * and, once it is secure, given to HTTP/2 or HTTP/1.1, as its client prefers (RFC 7301). The certificate is read again
 * when its files change, for those that last weeks.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createServer, createSecureContext, type TLSSocket } from 'node:tls';
import { DRAIN_MS, LAST_BYTES_MS } from '#common/drain';
import { PipelineError, toPipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';

/** Where a certificate, with those above it, and its key are: files in PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** ContentType `handshake`: no request of HTTP begins so. */
export const HANDSHAKE_BYTE = 0x16;
const HANDSHAKE_MS = 10_000;
const LOOK_MS = 60_000;

/** Contents of the files. */
export interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A certificate and its key, as new as their files. */
export interface Certificate extends Closable {
  readonly pair: Pair;
  /** Calls back with each new one. */
  readonly onChange: (listener: (pair: Pair) => void) => void;
}

async function readPair({ cert, key }: CertificateFiles): Promise<Pair> {
  const [certBytes, keyBytes] = await Promise.all([readFile(cert), readFile(key)]);
  const pair = { cert: certBytes, key: keyBytes };
  // Throws unless they are a certificate and its key.
  createSecureContext(pair);
  return pair;
}

/**
 * Reads a certificate and its key, and looks now and then whether there are new ones.
 * @param lookMs real milliseconds between two looks
 * @throws PipelineError `BAD_CONFIG` when there is none, or its key is not the one
 */
export async function openCertificate(
  files: CertificateFiles,
  logger: Logger,
  lookMs = LOOK_MS,
): Promise<Certificate> {
  let pair: Pair;
  try {
    pair = await readPair(files);
  } catch (error) {
    const { message } = toPipelineError(error);
    throw new PipelineError(
      'BAD_CONFIG',
      `EDGE_TLS_CERT and EDGE_TLS_KEY must name a certificate and its key in PEM: ${message}`,
      { cause: error },
    );
  }
  const listeners: ((pair: Pair) => void)[] = [];
  let isReadable = true;
  const look = async (): Promise<void> => {
    try {
      const found = await readPair(files);
      if (!found.cert.equals(pair.cert) || !found.key.equals(pair.key)) {
        pair = found;
        for (const listener of listeners) {
          listener(pair);
        }
        logger.info('certificate changed');
      }
      isReadable = true;
    } catch (error) {
      if (isReadable) {
        isReadable = false;
        logger.warn(
          { error: toPipelineError(error) },
          'certificate cannot be read, the last one stays',
        );
      }
    }
  };
  const timer = setInterval(() => void look(), lookMs);
  timer.unref();
  return {
    get pair() {
      return pair;
    },
    onChange: (listener) => {
      listeners.push(listener);
    },
    close: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

/** What takes secure connections. */
export interface SecureProtocols {
  readonly http2: (socket: TLSSocket) => void;
  readonly http1: (socket: TLSSocket) => void;
}

/** TLS for connections that others have accepted. */
export interface SecureDoor extends Closable {
  /** Takes over a connection with what has been read of it put back. */
  readonly accept: (socket: Socket) => void;
}

/** Opens the door; on `close` its connections have until `drainMs`, real milliseconds, to be ended by those they were given to. */
export function openSecureDoor(
  certificate: Certificate,
  protocols: SecureProtocols,
  drainMs = DRAIN_MS + LAST_BYTES_MS,
): SecureDoor {
  const server = createServer({
    ...certificate.pair,
    ALPNProtocols: ['h2', 'http/1.1'],
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_MS,
  });
  certificate.onChange((pair) => {
    server.setSecureContext(pair);
  });
  const open = new Set<Socket>();
  let onEmpty = (): void => undefined;
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    protocols[socket.alpnProtocol === 'h2' ? 'http2' : 'http1'](socket);
  });
  server.on('tlsClientError', (_error, socket) => {
    socket.destroy();
  });
  return {
    accept: (socket) => {
      open.add(socket);
      socket.once('close', () => {
        open.delete(socket);
        if (open.size === 0) {
          onEmpty();
        }
      });
      server.emit('connection', socket);
    },
    close: async () => {
      if (open.size === 0) {
        return;
      }
      const end = setTimeout(() => {
        for (const socket of open) {
          socket.destroy();
        }
      }, drainMs);
      await new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
      clearTimeout(end);
    },
  };
}
