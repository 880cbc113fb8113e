/**
 * The shortest way from memory to a viewer. Nearly every request is a plain GET of media, by a client that sends the
 * same headers every time. Such requests are answered at the socket; the first one that is anything else hands the
 * connection over to node:http, for good.
 *
 * What may pass is a strict subset of RFC 9112: one whole request a read, HTTP/1.1, no body, no range. So there is
 * nothing that this reader and node:http could understand differently.
 */
import { STATUS_CODES, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { DRAIN_MS, LAST_BYTES_MS, LEAVING_HEADERS } from '#common/drain';
import type { Closable } from '#common/lifecycle';
import type { CachedObject } from './cached-object.ts';
import { follow, patienceFor } from './follow.ts';
import type { Held } from './held.ts';
import { afterPause, type Pace } from './pace.ts';
import { MAX_TARGET_LENGTH } from './paths.ts';
import { judgeHeaders, type Wishes } from './plain-request.ts';
import { HANDSHAKE_BYTE } from './tls.ts';
import type { ViewerReports } from './viewer-reports.ts';

/** An answer ready to be written. */
export interface WireAnswer {
  /** Status line, headers and the empty line; a short body is already behind it. */
  readonly head: Buffer;
  /** What follows, sent without being copied: bytes, or an object that is still arriving. */
  readonly body: Buffer | Arriving | undefined;
}

/** An object that is still arriving. */
export interface Arriving {
  readonly object: CachedObject;
  /** Its length, if the head tells it; undefined: in chunks. */
  readonly end: number | undefined;
}

/** Answers a target; undefined: node:http must see to it. */
export type Answerer = (
  target: string,
  wishes: Wishes,
) => WireAnswer | Promise<WireAnswer | undefined> | undefined;

/** How long connections may be silent. */
export interface FastPathTimes {
  /** Before the first request, as long as node:http lets headers take. */
  readonly firstMs: number;
  /** Between requests. */
  readonly idleMs: number;
  /** With an answer under way that does not move on. */
  readonly stallMs: number;
}

const GET = 'GET ';
const VERSION = ' HTTP/1.1\r\n';
/** A target as one line of RFC 9112 §3.2 has it, no longer than node:http's side takes: nothing of the head can hide in a query. */
const TARGET = new RegExp(`^/[!-~]{0,${MAX_TARGET_LENGTH - 1}}$`);
const END = '\r\n\r\n';
/** Larger requests are refused by node:http. */
const MAX_REQUEST_BYTES = 8 * 1024;

/** A connection on the fast path, while the server drains. */
interface Leaving {
  /** Hears no more requests, and ends once the answer under way is written. */
  readonly drain: () => void;
  /** The time is up: says so where no answer has begun; others have the rest of their bytes for as long as they may. */
  readonly giveUpHeld: () => void;
}

const LEAVING = Buffer.from(
  `HTTP/1.1 503 ${STATUS_CODES[503] ?? ''}\r\n${Object.entries(LEAVING_HEADERS)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`,
);

/** Every place for requests that wait is taken. */
const TOO_MANY: WireAnswer = {
  head: Buffer.from(
    `HTTP/1.1 503 ${STATUS_CODES[503] ?? ''}\r\naccess-control-allow-origin: *\r\ncache-control: no-store\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n`,
  ),
  body: undefined,
};

/** What a fast path needs beside its server. */
export interface FastPathOptions {
  readonly answer: Answerer;
  readonly times: FastPathTimes;
  readonly pace: Pace;
  readonly held: Held;
  readonly reports: ViewerReports;
  /** Takes a connection that begins with a TLS handshake, put back into it. */
  readonly onTls?: ((socket: Socket) => void) | undefined;
  /** Real milliseconds that answers under way get on `close`. */
  readonly drainMs?: number;
}

/**
 * Puts the fast path in front of a server's own handling of connections.
 * @returns drains connections that node:http has not been given; the server is to stop listening at the same time
 */
export function installFastPath(server: Server, options: FastPathOptions): Closable {
  const { drainMs = DRAIN_MS } = options;
  const handlers = server.listeners('connection');
  const open = new Map<Socket, Leaving>();
  let isDraining = false;
  let onEmpty = (): void => undefined;
  const forget = (socket: Socket): void => {
    open.delete(socket);
    if (open.size === 0) {
      onEmpty();
    }
  };
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const handOver = (): void => {
      forget(socket);
      for (const handler of handlers) {
        handler.call(server, socket);
      }
    };
    if (isDraining) {
      handOver();
      return;
    }
    const { onTls } = options;
    // What is secure already comes back, and is no handshake again.
    const toTls =
      onTls === undefined || socket instanceof TLSSocket
        ? undefined
        : () => {
            forget(socket);
            onTls(socket);
          };
    open.set(socket, serve(socket, options, handOver, toTls));
    socket.once('close', () => {
      forget(socket);
    });
  });
  return {
    close: async () => {
      isDraining = true;
      const empty = new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
      for (const connection of [...open.values()]) {
        connection.drain();
      }
      if (open.size === 0) {
        return;
      }
      const deadline = setTimeout(() => {
        for (const connection of [...open.values()]) {
          connection.giveUpHeld();
        }
      }, drainMs);
      const end = setTimeout(() => {
        for (const socket of open.keys()) {
          socket.destroy();
        }
      }, drainMs + LAST_BYTES_MS);
      await empty;
      clearTimeout(deadline);
      clearTimeout(end);
    },
  };
}

type PacedAnswerer = (target: string, wishes: Wishes, headers: string) => ReturnType<Answerer>;

/** The answerer for one connection, with a pause before what it asks too often. */
function paced(socket: Socket, { answer, pace, reports }: FastPathOptions): PacedAnswerer {
  const visitor = pace.visitorOn(socket);
  return (target, wishes, headers) => {
    reports.note(visitor, target);
    const pause = pace.pauseFor(visitor, headers, target);
    return pause === 0
      ? answer(target, wishes)
      : new Promise((resolve) => {
          afterPause(socket, pause, () => {
            resolve(answer(target, wishes));
          });
        });
  };
}

/**
 * Answers on one connection until something is not for this path; `handOver` then takes the connection as it is, or `toTls`
 * if it begins with a handshake.
 */
function serve(
  socket: Socket,
  options: FastPathOptions,
  handOver: () => void,
  toTls: (() => void) | undefined,
): Leaving {
  const { times, held } = options;
  const answer = paced(socket, options);
  /** An answer is awaited, or follows an object that is still arriving. */
  let underWay: 'nothing' | 'waiting' | 'following' = 'nothing';
  /** What came meanwhile: one read; then the socket is paused. */
  let early: Buffer | undefined;
  let isDraining = false;
  let lastHeaders = '';
  let lastWishes: Wishes | undefined;
  let impatience: NodeJS.Timeout | undefined;
  let leavePlace: (() => void) | undefined;

  const giveUp = (): void => {
    socket.destroy();
  };
  /** Ends as soon as what is written has gone out, if the server drains and no answer is under way. */
  const endIfDraining = (): void => {
    if (isDraining && underWay === 'nothing') {
      socket.destroySoon();
    }
  };
  /** How long there may be nothing; what is read and written begins it anew. */
  const patience = (ms: number): void => {
    if (socket.timeout !== ms) {
      socket.setTimeout(ms);
    }
  };
  /** Listens for the next request. */
  const listen = (): void => {
    clearTimeout(impatience);
    impatience = undefined;
    patience(times.idleMs);
    if (socket.isPaused()) {
      socket.resume();
    }
    const chunk = early;
    if (chunk !== undefined) {
      early = undefined;
      onData(chunk);
    }
  };
  const onDrain = (): void => {
    if (impatience !== undefined) {
      listen();
    }
  };
  /** Puts back what has been read, and has nothing to do with the connection any more. */
  const letGo = (chunk: Buffer): void => {
    socket.off('data', onData);
    socket.off('drain', onDrain);
    socket.off('end', giveUp);
    socket.off('timeout', giveUp);
    socket.off('error', giveUp);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(early === undefined ? chunk : Buffer.concat([chunk, early]));
  };
  const leave = (chunk: Buffer): void => {
    letGo(chunk);
    handOver();
    socket.resume();
  };
  /** What the answerer says to a read that is one plain request. */
  const ask = (chunk: Buffer): ReturnType<Answerer> => {
    if (chunk.length > MAX_REQUEST_BYTES) {
      return undefined;
    }
    const text = chunk.toString('latin1');
    const lineEnd = text.indexOf(VERSION, GET.length);
    if (!text.startsWith(GET) || lineEnd === -1 || text.indexOf(END) !== text.length - END.length) {
      return undefined;
    }
    const target = text.slice(GET.length, lineEnd);
    if (!TARGET.test(target)) {
      return undefined;
    }
    const headers = text.slice(lineEnd + VERSION.length);
    if (headers !== lastHeaders) {
      lastHeaders = headers;
      lastWishes = judgeHeaders(headers);
    }
    return lastWishes && answer(target, lastWishes, headers);
  };
  /** Who takes far longer than so many bytes could need is not waited for. */
  const limitDuration = (bytes: number): void => {
    patience(times.stallMs);
    impatience = setTimeout(giveUp, patienceFor(bytes));
    impatience.unref();
  };
  const followArriving = (head: Buffer, { object, end }: Arriving): void => {
    underWay = 'following';
    socket.off('drain', onDrain);
    limitDuration(end ?? 0);
    follow(socket, {
      head,
      object,
      start: 0,
      end,
      isChunked: end === undefined,
      onBroken: giveUp,
      onWhole: () => {
        underWay = 'nothing';
        socket.on('drain', onDrain);
        endIfDraining();
        if (!socket.writableNeedDrain) {
          listen();
        }
      },
    });
  };
  const write = ({ head, body }: WireAnswer): void => {
    if (body !== undefined && !Buffer.isBuffer(body)) {
      followArriving(head, body);
      return;
    }
    if (body === undefined) {
      socket.write(head);
    } else {
      // Head and body in one system call.
      socket.cork();
      socket.write(head);
      socket.write(body);
      socket.uncork();
    }
    if (socket.writableNeedDrain) {
      // Who asks on without reading is not heard until he has read.
      socket.pause();
      limitDuration(socket.writableLength);
    }
  };
  const wait = (chunk: Buffer, found: Promise<WireAnswer | undefined>): void => {
    leavePlace = held.enter(socket.remoteAddress);
    if (leavePlace === undefined) {
      write(TOO_MANY);
      return;
    }
    patience(times.stallMs);
    underWay = 'waiting';
    void found.then((late) => {
      leavePlace?.();
      leavePlace = undefined;
      if (socket.destroyed || socket.writableEnded) {
        return;
      }
      underWay = 'nothing';
      if (late === undefined) {
        leave(chunk);
        return;
      }
      write(late);
      endIfDraining();
      if (underWay === 'nothing' && impatience === undefined) {
        listen();
      }
    });
  };
  const onData = (chunk: Buffer): void => {
    if (isDraining) {
      return;
    }
    if (underWay !== 'nothing' || impatience !== undefined) {
      early = chunk;
      socket.pause();
      return;
    }
    if (toTls !== undefined && chunk[0] === HANDSHAKE_BYTE) {
      letGo(chunk);
      toTls();
      return;
    }
    const found = ask(chunk);
    if (found === undefined) {
      leave(chunk);
    } else if (found instanceof Promise) {
      wait(chunk, found);
    } else {
      write(found);
    }
  };
  socket.setNoDelay(true);
  socket.setTimeout(times.firstMs);
  socket.once('data', () => {
    socket.setTimeout(times.idleMs);
  });
  socket.once('close', () => {
    clearTimeout(impatience);
    leavePlace?.();
    leavePlace = undefined;
  });
  socket.on('end', giveUp);
  socket.on('error', giveUp);
  socket.on('timeout', giveUp);
  socket.on('drain', onDrain);
  socket.on('data', onData);
  return {
    drain: () => {
      isDraining = true;
      endIfDraining();
    },
    giveUpHeld: () => {
      if (underWay === 'waiting') {
        socket.write(LEAVING);
        socket.destroySoon();
      }
    },
  };
}
