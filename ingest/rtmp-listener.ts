/** The RTMP port: takes connections, keeps them within bounds of number, time and rate, and notes why they end. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Gauge, type Registry } from 'prom-client';
import { PipelineError, toPipelineError } from '#common/errors';
import { listen } from '#common/listen';
import type { Logger } from '#common/logger';
import type { Publishers } from './publication.ts';
import { RtmpConnection } from './rtmp-connection.ts';
import { Admission, type AdmissionLimits, type Guest } from './rtmp/admission.ts';
import { createEndNotes, type ConnectionEnd, type NoteEnd } from './rtmp/connection-end.ts';
import { KeyGuesses } from './rtmp/key-guesses.ts';
import { sourceOf } from '#common/source-address';
import { WireBudget } from './rtmp/wire-budget.ts';

/** Times of a connection, real milliseconds. */
export interface RtmpTimeouts {
  /** From the connection to the end of the handshake. */
  readonly greeting: number;
  /** From the connection, or the end of a publish, to an accepted publish. */
  readonly setup: number;
  /** Without a media message while publishing. */
  readonly silence: number;
}

/** How the port is opened. */
export interface RtmpListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: AdmissionLimits;
  /** What a publisher may send, bits a real second, with the costs of `WireBudget`. */
  readonly bitrate: number;
  readonly timeouts: RtmpTimeouts;
}

/** What the port works with. */
export interface RtmpListenerDeps {
  readonly publishers: Publishers;
  readonly logger: Logger;
  readonly metrics: Registry;
}

/** An open RTMP port. */
export interface RtmpListener {
  readonly port: number;
  /**
   * Stops listening and ends the connections that do not publish, without a word: an encoder that came to a server that
   * stops is to try again, wherever its address leads then, and one that is told `BadName` would not.
   */
  refuse(): void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** C0 and C1: before they are here, a connection is no more than its socket. */
const HELLO_BYTES = 1537;
const RTMP_VERSION = 3;
/** Connections the system may hold for us: a flood of them must not make it drop an honest one. */
const BACKLOG = 4096;
/** A publish shorter than this counts as a refused one: whoever does it again and again has to wait. */
const SHORT_PUBLISH = 1000;

interface Port {
  readonly options: RtmpListenerOptions;
  readonly publishers: Publishers;
  readonly admission: Admission;
  readonly guesses: KeyGuesses;
  readonly note: NoteEnd;
  /** Ends of the connections that do not publish. */
  readonly waiting: Set<() => void>;
}

const now = (): number => performance.now();

/**
 * Opens the port.
 * @throws BAD_CONFIG if it is taken
 */
export async function startRtmpListener(
  options: RtmpListenerOptions,
  { publishers, logger, metrics }: RtmpListenerDeps,
): Promise<RtmpListener> {
  const admission = new Admission(options.limits);
  const note = createEndNotes(metrics, logger, now);
  const waiting = new Set<() => void>();
  const guesses = new KeyGuesses();
  const port: Port = { options, publishers, admission, guesses, note, waiting };
  countConnections(metrics, admission);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    serve(socket, port);
  });
  await listen(server, options.port, options.host, 'RTMP_PORT', BACKLOG);
  server.on('error', (error) => {
    logger.error({ error }, 'rtmp port failed');
  });
  const address = server.address() as AddressInfo;
  const closed = new Promise<void>((resolve) => {
    server.once('close', resolve);
  });
  const refuse = (): void => {
    if (server.listening) {
      server.close();
    }
    waiting.forEach((end) => {
      end();
    });
  };
  return {
    port: address.port,
    refuse,
    close: async () => {
      refuse();
      for (const socket of sockets) {
        socket.destroy();
      }
      await closed;
    },
  };
}

/** Serves one connection until it closes. */
function serve(socket: Socket, port: Port): void {
  const { admission, guesses, options } = port;
  const address = socket.remoteAddress ?? '';
  const source = sourceOf(address);
  let isNoted = false;
  const note = (end: ConnectionEnd, cause?: PipelineError): void => {
    if (!isNoted) {
      isNoted = true;
      port.note(end, address, cause);
    }
  };
  const drop = (end: ConnectionEnd, cause?: PipelineError): void => {
    note(end, cause);
    socket.destroy();
  };
  const end = (): void => {
    drop('stopped');
  };
  const guest: Guest = {
    source,
    evict: () => {
      drop('evicted');
    },
  };
  const greeting = setTimeout(drop, options.timeouts.greeting, 'greeting-timeout');
  let setup = setTimeout(drop, options.timeouts.setup, 'setup-timeout');
  let silence: NodeJS.Timeout | undefined;
  let asking: NodeJS.Timeout | undefined;
  let publishedAt = 0;
  let hello = Buffer.alloc(0);
  let connection: RtmpConnection | undefined;

  const guard = (work: () => void): void => {
    try {
      try {
        work();
      } catch (error) {
        const cause = toPipelineError(error, 'BAD_REQUEST');
        if (connection === undefined) {
          drop('malformed', cause);
        } else {
          connection.fail(cause);
        }
      }
    } catch (error) {
      // Only our own mistakes come to here.
      drop('failed', toPipelineError(error));
    }
  };
  const giveUp = (): void => {
    throw new PipelineError('TIMEOUT', 'no picture and no sound came');
  };
  let isGreeted = false;
  const greet = (): void => {
    if (!isGreeted) {
      isGreeted = true;
      clearTimeout(greeting);
      if (!admission.greeted(guest)) {
        const cause = new PipelineError('OVERLOADED', 'as many publishers as are permitted');
        note('full', cause);
        throw cause;
      }
    }
  };
  const open = (): RtmpConnection =>
    new RtmpConnection(socket, {
      publishers: port.publishers,
      onGreeted: greet,
      budget: new WireBudget(options.bitrate, now),
      wait: () => guesses.wait(source, now()),
      later: (delay, work) => {
        clearTimeout(asking);
        asking = setTimeout(guard, delay, work);
      },
      onRefused: () => {
        guesses.refused(source, now());
      },
      onPublishing: (isPublishing) => {
        admission.publishes(guest, isPublishing);
        clearTimeout(setup);
        clearTimeout(silence);
        silence = undefined;
        if (isPublishing) {
          port.waiting.delete(end);
          publishedAt = now();
          silence = setTimeout(guard, options.timeouts.silence, giveUp);
        } else {
          port.waiting.add(end);
          setup = setTimeout(drop, options.timeouts.setup, 'setup-timeout');
          if (now() - publishedAt < SHORT_PUBLISH) {
            guesses.refused(source, now());
          }
        }
      },
      onMedia: () => {
        silence?.refresh();
      },
      onEnd: (end, cause) => {
        note(end, cause);
      },
    });
  const receive = (data: Buffer): void => {
    if (connection === undefined) {
      if ((hello[0] ?? data[0]) !== RTMP_VERSION) {
        throw new PipelineError('BAD_REQUEST', 'not RTMP version 3');
      }
      hello = Buffer.concat([hello, data]);
      if (hello.length < HELLO_BYTES) {
        return;
      }
      connection = open();
      connection.receive(hello);
      hello = Buffer.alloc(0);
    } else {
      connection.receive(data);
    }
  };
  port.waiting.add(end);
  admission.arrive(guest);
  socket.setNoDelay(true);
  socket.on('data', (data: Buffer) => {
    guard(() => {
      receive(data);
    });
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    note('left');
    guard(() => {
      connection?.finish(false, 'the connection closed');
    });
    port.waiting.delete(end);
    admission.leave(guest);
    [greeting, setup, silence, asking].forEach((timer) => {
      clearTimeout(timer);
    });
  });
}

function countConnections(metrics: Registry, admission: Admission): void {
  new Gauge({
    name: 'touchline_ingest_rtmp_connections',
    help: 'RTMP connections, by how far they have come',
    labelNames: ['state'],
    registers: [metrics],
    collect() {
      for (const [state, count] of Object.entries(admission.counts)) {
        this.set({ state }, count);
      }
    },
  });
}
