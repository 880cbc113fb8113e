/**
 * Server-sent events: one text for all who listen. Listeners are bounded in number, and one who does not take what it
 * is sent is let go, so that nobody's slow line costs memory or keeps others waiting.
 */
import type { ServerResponse } from 'node:http';
import type { Closable } from '#common/lifecycle';
import type { Session } from './auth.ts';

const MOST_LISTENERS = 100;
/** Bytes that may wait for one listener: minutes of snapshots. */
const MOST_WAITING_BYTES = 1024 * 1024;
/** Browsers come back this long after a stream broke off, milliseconds. */
const RETRY_MS = 1_000;
/** Keeps proxies from taking a quiet stream for a dead one, real milliseconds. */
const HEARTBEAT_MS = 10_000;

/** An event on the wire. JSON has no line breaks, so it is one `data` line. */
export const eventText = (name: string, data: unknown): string =>
  `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

interface Listener {
  readonly response: ServerResponse;
  readonly session: string | undefined;
  readonly expiry: NodeJS.Timeout | undefined;
}

/** See the head of this file. */
export class EventStream implements Closable {
  readonly #listeners = new Set<Listener>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor() {
    this.#heartbeat = setInterval(() => {
      this.#sendAll(': still here\n\n');
    }, HEARTBEAT_MS);
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** Whether one more may listen. */
  get hasRoom(): boolean {
    return this.#listeners.size < MOST_LISTENERS;
  }

  /**
   * Takes charge of an answer.
   * @param first texts of events that it begins with
   * @param session whose end, or expiry, ends the stream
   */
  open(
    response: ServerResponse,
    first: readonly string[],
    session: Session | undefined,
    now: number,
  ): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Reverse proxies of nginx's kind would otherwise collect events.
      'x-accel-buffering': 'no',
    });
    const listener: Listener = {
      response,
      session: session?.id,
      expiry:
        session &&
        setTimeout(() => {
          this.#end(listener, 'expired');
        }, session.until - now),
    };
    this.#listeners.add(listener);
    const forget = (): void => {
      clearTimeout(listener.expiry);
      this.#listeners.delete(listener);
    };
    response.once('close', forget);
    response.once('error', forget);
    this.#send(listener, [`retry: ${RETRY_MS}\n\n`, ...first].join(''));
  }

  /** Sends an event to all. */
  publish(text: string): void {
    this.#sendAll(text);
  }

  /** Ends the streams of a session that was logged out. */
  endSession(id: string): void {
    for (const listener of this.#listeners) {
      if (listener.session === id) {
        this.#end(listener, 'logout');
      }
    }
  }

  close(): Promise<void> {
    clearInterval(this.#heartbeat);
    for (const { response } of this.#listeners) {
      response.end();
    }
    return Promise.resolve();
  }

  #sendAll(text: string): void {
    for (const listener of this.#listeners) {
      this.#send(listener, text);
    }
  }

  #send({ response }: Listener, text: string): void {
    if (response.writableLength > MOST_WAITING_BYTES) {
      response.destroy();
    } else {
      response.write(text);
    }
  }

  #end({ response }: Listener, reason: 'logout' | 'expired'): void {
    response.end(eventText('end', { reason }));
  }
}
