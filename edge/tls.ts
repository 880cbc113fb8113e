/**
 * TLS on the port that plain HTTP has: a connection whose first byte begins a handshake (RFC 8446 §5.1) is taken over here
 * and, once it is secure, given to HTTP/2 or HTTP/1.1, as its client prefers (RFC 7301). The certificate is read again
 * when its files change, for those that last weeks.
 */
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { createServer, createSecureContext, type TLSSocket } from 'node:tls';
import { PipelineError, toPipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';

/** Where a certificate, with those above it, and its key are: files in PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** What takes secure connections. */
export interface SecureProtocols {
  readonly http2: (socket: TLSSocket) => void;
  readonly http1: (socket: TLSSocket) => void;
}

/** TLS for connections that others have accepted. */
export interface SecureDoor extends Closable {
  /** Takes over a connection with what has been read of it put back. */
  readonly accept: (socket: Duplex) => void;
}

/** ContentType `handshake`: no request of HTTP begins so. */
export const HANDSHAKE_BYTE = 0x16;
const HANDSHAKE_MS = 10_000;
const LOOK_MS = 60_000;

interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

async function readPair({ cert, key }: CertificateFiles): Promise<Pair> {
  const [certBytes, keyBytes] = await Promise.all([readFile(cert), readFile(key)]);
  const pair = { cert: certBytes, key: keyBytes };
  // Throws unless they are a certificate and its key.
  createSecureContext(pair);
  return pair;
}

/**
 * Reads the certificate.
 * @throws PipelineError `BAD_CONFIG` when there is none, or its key is not the one
 */
export async function openSecureDoor(
  files: CertificateFiles,
  protocols: SecureProtocols,
  logger: Logger,
): Promise<SecureDoor> {
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
  const server = createServer({
    ...pair,
    ALPNProtocols: ['h2', 'http/1.1'],
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_MS,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    protocols[socket.alpnProtocol === 'h2' ? 'http2' : 'http1'](socket);
  });
  server.on('tlsClientError', (_error, socket) => {
    socket.destroy();
  });
  const look = async (): Promise<void> => {
    try {
      const found = await readPair(files);
      if (!found.cert.equals(pair.cert) || !found.key.equals(pair.key)) {
        pair = found;
        server.setSecureContext(pair);
        logger.info('certificate changed');
      }
    } catch (error) {
      logger.warn(
        { error: toPipelineError(error) },
        'certificate cannot be read, the last one stays',
      );
    }
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  timer.unref();
  return {
    accept: (socket) => {
      server.emit('connection', socket);
    },
    close: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}
