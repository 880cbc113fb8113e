/**
 * One RTMP connection of a publisher: connect, createStream, publish, media, and the end. Playing is refused. An
 * encoder that errs is told why before it is disconnected.
 *
 * Adobe RTMP 1.0, §7.2 commands.
 */
import type { Socket } from 'node:net';
import { PipelineError, toPipelineError } from '#common/errors';
import type { AcceptPublisher, Publication } from './publication.ts';
import { decodeCommand, type Command, type Primitive } from './rtmp/amf0.ts';
import { BoundedRtmp, MESSAGE } from './rtmp/bounded-rtmp.ts';
import { endOf, type ConnectionEnd } from './rtmp/connection-end.ts';
import type { WireBudget } from './rtmp/wire-budget.ts';

/** Publishes over one connection, one after another. */
const MAX_PUBLISHES = 16;
/** How long a refused publisher has to read why. */
const LINGER_MS = 2000;

/** `asking`: the answer to a publish waits. */
type State = 'new' | 'connected' | 'asking' | 'publishing' | 'closing';

/** What a connection needs of the port it came in by. */
export interface ConnectionHost {
  readonly accept: AcceptPublisher;
  readonly budget: WireBudget;
  /** The handshake is over, the first message is about to be looked at. @throws PipelineError if there is no room */
  readonly onGreeted: () => void;
  /** Milliseconds that a publish waits before its key is looked at. */
  readonly wait: () => number;
  /** Runs work later, unless the connection has closed by then; its errors are handled as those of `receive`. */
  readonly later: (delay: number, work: () => void) => void;
  /** A publish was accepted, or has ended. */
  readonly onPublishing: (isPublishing: boolean) => void;
  /** A media message of the publish came. */
  readonly onMedia: () => void;
  /** The server ends the connection; called once at most. */
  readonly onEnd: (end: ConnectionEnd, cause: PipelineError) => void;
}

const text = (value: Primitive, limit: number): string =>
  typeof value === 'string' ? value.slice(0, limit) : '';

const streamName = (value: Primitive): string => text(value, 1000).split('?')[0] ?? '';

/** See the head of this file. */
export class RtmpConnection extends BoundedRtmp {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  #state: State = 'new';
  #publication: Publication | undefined;
  #app = '';
  #name = '';
  #encoder = '';
  #publishes = 0;

  constructor(socket: Socket, host: ConnectionHost) {
    super(socket, host.budget);
    this.#socket = socket;
    this.#host = host;
  }

  protected override get isPublishing(): boolean {
    return this.#publication !== undefined;
  }

  protected override get isClosing(): boolean {
    return this.#state === 'closing';
  }

  /** Ends the connection for what it sent. Never throws. */
  fail(cause: PipelineError): void {
    const status = cause.code === 'UNSUPPORTED_MEDIA' ? 'Rejected' : 'Failed';
    const reason = cause.code === 'INTERNAL' ? 'the server failed' : cause.message;
    this.#refuse(`NetStream.Publish.${status}`, reason, endOf(cause), cause);
  }

  protected override onGreeted(): void {
    this.#host.onGreeted();
  }

  /** Ends the publish, if there is one. */
  finish(isClean: boolean, reason: string): void {
    const publication = this.#publication;
    if (publication !== undefined) {
      this.#publication = undefined;
      this.#host.onPublishing(false);
      publication.end(isClean, reason);
    }
  }

  override dataHandler(): void {
    const { header, payload, clock } = this.parserPacket;
    const publication = this.#publication;
    const isScript = header.type !== MESSAGE.audio && header.type !== MESSAGE.video;
    // Some encoders send onMetaData on stream 0.
    if (publication === undefined || !(isScript || this.#isOurs(header.stream_id))) {
      return;
    }
    const data = payload.subarray(0, header.length);
    const type = isScript ? 'script' : header.type === MESSAGE.audio ? 'audio' : 'video';
    this.#host.onMedia();
    try {
      publication.tag(type, clock, header.type === MESSAGE.script3 ? data.subarray(1) : data);
    } catch (error) {
      throw toPipelineError(error, 'INTERNAL');
    }
  }

  override invokeHandler(): void {
    if (this.#state === 'closing') {
      return;
    }
    const { header, payload } = this.parserPacket;
    const start = header.type === MESSAGE.command3 ? 1 : 0;
    const command = decodeCommand(payload.subarray(start, header.length));
    const [subject] = command.parameters;
    switch (command.name) {
      case 'connect':
        this.#connect(command);
        break;
      case 'createStream':
        this.#expect(this.#state !== 'new', 'createStream before connect');
        this.respondCreateStream(command.transaction);
        break;
      case 'publish':
        this.#ask(streamName(subject));
        break;
      case 'play':
      case 'play2':
        this.streamId = header.stream_id;
        this.#refuse('NetStream.Play.Failed', 'this server takes feeds only', 'unsupported');
        break;
      case 'FCUnpublish':
        this.#stopped(streamName(subject) === this.#name);
        break;
      case 'closeStream':
        this.#stopped(this.#isOurs(header.stream_id));
        break;
      case 'deleteStream':
        this.#stopped(this.#isOurs(subject));
        break;
      default:
        // releaseStream, FCPublish, _checkbw and the like: publishers go on without an answer.
        break;
    }
  }

  #connect({ object, transaction }: Command): void {
    this.#expect(this.#state === 'new', 'connect twice');
    this.#app = text(object.get('app'), 200).replace(/\/+$/, '');
    this.#encoder = text(object.get('flashVer'), 100);
    this.welcome(transaction, object.get('objectEncoding') === 3 ? 3 : 0);
    this.#state = 'connected';
  }

  #ask(name: string): void {
    if (this.#state === 'asking' || this.#state === 'publishing') {
      this.#refuse('NetStream.Publish.BadName', 'one feed a connection', 'malformed');
      return;
    }
    this.#expect(this.#state === 'connected', 'publish before connect');
    this.#publishes += 1;
    this.#expect(this.#publishes <= MAX_PUBLISHES, 'too many publishes over one connection');
    this.streamId = this.parserPacket.header.stream_id;
    this.#name = name;
    const wait = this.#host.wait();
    if (wait <= 0) {
      this.#publish();
      return;
    }
    this.#state = 'asking';
    this.#host.later(wait, () => {
      if (this.#state === 'asking') {
        this.#publish();
      }
    });
  }

  #publish(): void {
    const publication = this.#host.accept({
      app: this.#app,
      key: this.#name,
      address: this.#socket.remoteAddress ?? '',
      encoder: this.#encoder,
      close: (reason) => {
        this.#refuse('NetStream.Publish.Failed', reason, 'stopped');
      },
    });
    if (publication === undefined) {
      const reason = 'unknown stream key, or already publishing';
      this.#refuse('NetStream.Publish.BadName', reason, 'refused');
      return;
    }
    this.#publication = publication;
    this.#state = 'publishing';
    this.#host.budget.publish();
    this.#host.onPublishing(true);
    this.sendStatusMessage(this.streamId, 'status', 'NetStream.Publish.Start', 'publishing');
  }

  /** @param isOurs whether it is about the stream that publishes */
  #stopped(isOurs: boolean): void {
    if (isOurs && (this.#state === 'publishing' || this.#state === 'asking')) {
      this.#state = 'connected';
      this.finish(true, 'the publisher stopped');
    }
  }

  /** Tells the peer why, and lets go of it. Before `connect` there is nobody to tell. */
  #refuse(
    code: string,
    reason: string,
    end: ConnectionEnd,
    cause = new PipelineError('ABORTED', reason),
  ): void {
    if (this.#state === 'closing') {
      return;
    }
    const isTold = this.#state !== 'new';
    this.#state = 'closing';
    this.#host.onEnd(end, cause);
    if (isTold) {
      this.sendStatusMessage(this.streamId, 'error', code, reason);
      this.#socket.end();
      setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
    } else {
      this.#socket.destroy();
    }
    this.finish(false, reason);
  }

  /** Whether a stream's id is that of the publish; one that came on stream 0 has no id to compare with. */
  #isOurs(stream: Primitive): boolean {
    return stream === this.streamId || this.streamId === 0 || typeof stream !== 'number';
  }

  #expect(holds: boolean, message: string): void {
    if (!holds) {
      throw new PipelineError('BAD_REQUEST', message);
    }
  }
}
