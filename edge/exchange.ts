/** A request and the way of its answer, whichever version of HTTP carries both. */
import type {
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';
import type { Writable } from 'node:stream';

/** See the head of this file. */
export interface Exchange {
  readonly method: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Of who asks. */
  readonly address: string | undefined;
  /** Takes the answer's body, and closes when its viewer is gone. */
  readonly body: Writable;
  /** What the body takes in one piece at most. */
  readonly pieceBytes: number;
  /** No answer can be begun: one has been, or the viewer is gone. */
  readonly isSettled: () => boolean;
  /** Begins the answer; the body is to be ended in any case. */
  readonly respond: (status: number, headers: OutgoingHttpHeaders) => void;
  /** Ends the answer so that the viewer sees that it is not whole. */
  readonly breakOff: () => void;
}

/** An exchange of node:http. */
export function http1Exchange(request: IncomingMessage, response: ServerResponse): Exchange {
  return {
    method: request.method,
    headers: request.headers,
    address: request.socket.remoteAddress,
    body: response,
    pieceBytes: Number.POSITIVE_INFINITY,
    isSettled: () => response.destroyed || response.headersSent,
    respond: (status, headers) => {
      response.writeHead(status, headers);
    },
    breakOff: () => {
      // Fewer bytes than announced, or chunks without their end, say it; where a body's end is the connection's, a reset does.
      if (request.httpVersion === '1.0') {
        request.socket.resetAndDestroy();
      }
      response.destroy();
    },
  };
}
