/**
 * One RTMP connection of a publisher: connect, createStream, publish, media, and the end. Playing is refused. An
 * encoder that errs is told why before it is disconnected.
 *
 * Adobe RTMP 1.0, §7.2 commands.
 */
import type { Socket } from 'node:net';
import { PipelineError, toPipelineError } from '#common/errors';
import type { Publication, Publishers } from './publication.ts';
import { decodeCommand, type Command, type Primitive } from './rtmp/amf0.ts';
import { BoundedRtmp, type MediaType } from './rtmp/bounded-rtmp.ts';
import { endOf, type ConnectionEnd } from './rtmp/connection-end.ts';
import { applicationOf, publishTarget, type PublishTarget } from './rtmp/publish-target.ts';
import type { WireBudget } from './rtmp/wire-budget.ts';

/** Publishes over one connection, one after another. */
const MAX_PUBLISHES = 16;
/** How long a refused publisher has to read why. */
const LINGER_MS = 2000;
const BAD_NAME = 'NetStream.Publish.BadName';
/** The same for every wrong key, so that it says nothing about the right ones. */
const NOT_TAKEN =
  'unknown stream key, or already publishing: check Settings -> Stream -> Stream Key';
/** Answers of a peer, which are not answered. */
const ANSWERS: ReadonlySet<string> = new Set(['_result', '_error', 'onStatus']);

/** `asking`: the answer to a publish waits. */
type State = 'new' | 'connected' | 'asking' | 'publishing' | 'closing';

/** What a connection needs of the port it came in by. */
export interface ConnectionHost {
  readonly publishers: Publishers;
  readonly budget: WireBudget;
  /** The handshake is over, the first message is about to be looked at. @throws PipelineError if there is no room */
  readonly onGreeted: () => void;
  /** Milliseconds that a publish waits before its key is looked at. */
  readonly wait: () => number;
  /** Runs work later, unless the connection has closed by then; its errors are handled as those of `receive`. */
  readonly later: (delay: number, work: () => void) => void;
  /** A key was wrong. */
  readonly onRefused: () => void;
  /** A publish was accepted, or has ended. */
  readonly onPublishing: (isPublishing: boolean) => void;
  /** A media message of the publish came. */
  readonly onMedia: () => void;
  /** The server ends the connection; called once at most. */
  readonly onEnd: (end: ConnectionEnd, cause: PipelineError) => void;
}

const text = (value: Primitive, limit: number): string =>
  typeof value === 'string' ? value.slice(0, limit) : '';

/** A description as it can be written: see `rtmp/bounded-rtmp.ts`. */
const ascii = (description: string): string => description.replace(/[^ -~]/g, '?');

const keyOf = (target: PublishTarget): string | undefined =>
  'key' in target ? target.key : undefined;

/** See the head of this file. */
export class RtmpConnection extends BoundedRtmp {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  #state: State = 'new';
  #publication: Publication | undefined;
  #app = '';
  #encoder = '';
  /** Id of the message stream that publishes, or asks to. */
  #stream = 0;
  #target: PublishTarget = { problem: '' };
  #publishes = 0;
  /** What FCPublish named, until it is answered. */
  #announced: PublishTarget | undefined;
  /** What FCPublish named and was told is wrong. */
  #refused: PublishTarget | undefined;

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

  protected override onMedia(
    type: MediaType,
    stream: number,
    timestamp: number,
    body: Buffer,
  ): void {
    const publication = this.#publication;
    // Some encoders send onMetaData, and some all media, on stream 0.
    const isTaken = type === 'script' || stream === 0 || this.#isOurs(stream);
    if (publication === undefined || !isTaken) {
      return;
    }
    this.#host.onMedia();
    try {
      publication.tag(type, timestamp, body);
    } catch (error) {
      throw toPipelineError(error, 'INTERNAL');
    }
  }

  protected override onCommand(stream: number, body: Buffer): void {
    if (this.#state === 'closing') {
      return;
    }
    const command = decodeCommand(body);
    const { name, transaction } = command;
    const [subject] = command.parameters;
    switch (name) {
      case 'connect':
        this.#connect(command);
        break;
      case 'createStream':
        this.#expectConnected(name);
        this.respondCreateStream(transaction);
        break;
      case 'FCPublish':
        this.#expectConnected(name);
        this.respond(transaction);
        this.#announce(this.#targetOf(subject));
        break;
      case 'publish':
        this.#expectConnected(name);
        this.#ask(stream, this.#targetOf(subject));
        break;
      case 'play':
      case 'play2':
        this.#stream = stream;
        this.#refuse('NetStream.Play.Failed', 'this server takes feeds only', 'unsupported');
        break;
      case 'FCUnpublish':
        this.#expectConnected(name);
        this.respond(transaction);
        this.#tell(0, 'onFCUnpublish', 'status', 'NetStream.Unpublish.Success', 'stopped');
        this.#stopped(keyOf(this.#targetOf(subject)) === keyOf(this.#target));
        break;
      case 'closeStream':
        this.#stopped(this.#isOurs(stream));
        break;
      case 'deleteStream':
        this.#stopped(this.#isOurs(subject));
        break;
      default:
        // releaseStream, _checkbw and the like: some encoders wait for an answer, whatever it is.
        if (this.#state !== 'new' && transaction > 0 && !ANSWERS.has(name)) {
          this.respond(transaction);
        }
        break;
    }
  }

  #connect({ object, transaction }: Command): void {
    this.#expect(this.#state === 'new', 'connect twice');
    this.#app = applicationOf(text(object.get('app'), 1000), text(object.get('tcUrl'), 1000));
    this.#encoder = text(object.get('flashVer'), 100);
    this.welcome(transaction, object.get('objectEncoding') === 3 ? 3 : 0);
    this.#state = 'connected';
  }

  #targetOf(name: Primitive): PublishTarget {
    return publishTarget(this.#app, text(name, 1000));
  }

  /**
   * FCPublish: some encoders publish only once `onFCPublish` has said that they may. It tells whether a key is right, so
   * it waits like a publish, a wrong key counts like a refused publish, and there is none after that.
   */
  #announce(target: PublishTarget): void {
    if (this.#state !== 'connected' || this.#refused !== undefined) {
      return;
    }
    this.#announced = target;
    this.#afterWait(() => {
      if (this.#state === 'connected' && this.#announced !== undefined) {
        this.#answerAnnounced();
      }
    });
  }

  #answerAnnounced(): void {
    const target = this.#announced;
    this.#announced = undefined;
    const key = target && keyOf(target);
    if (key !== undefined && this.#host.publishers.wouldAccept(key)) {
      this.#tell(0, 'onFCPublish', 'status', 'NetStream.Publish.Start', 'may be published');
      return;
    }
    this.#refused = target;
    this.#host.onRefused();
    this.#tell(0, 'onFCPublish', 'error', BAD_NAME, problemOf(target));
  }

  #ask(stream: number, target: PublishTarget): void {
    if (this.#state === 'asking' || this.#state === 'publishing') {
      this.#refuse(BAD_NAME, 'one feed a connection', 'malformed');
      return;
    }
    this.#publishes += 1;
    this.#expect(this.#publishes <= MAX_PUBLISHES, 'too many publishes over one connection');
    this.#stream = stream;
    this.#target = target;
    this.#state = 'asking';
    this.#afterWait(() => {
      if (this.#state === 'asking') {
        this.#publish(target);
      }
    });
  }

  #afterWait(work: () => void): void {
    const wait = this.#host.wait();
    if (wait <= 0) {
      work();
    } else {
      this.#host.later(wait, work);
    }
  }

  #publish(target: PublishTarget): void {
    const key = keyOf(target);
    const publication =
      key === undefined
        ? undefined
        : this.#host.publishers.accept({
            key,
            address: this.#socket.remoteAddress ?? '',
            encoder: this.#encoder,
            close: (reason) => {
              this.#refuse('NetStream.Publish.Failed', reason, 'stopped');
            },
          });
    if (publication === undefined) {
      if (this.#refused === undefined || keyOf(this.#refused) !== key) {
        this.#host.onRefused();
      }
      this.#refuse(BAD_NAME, problemOf(target), 'refused');
      return;
    }
    this.#publication = publication;
    this.#state = 'publishing';
    this.#host.budget.publish();
    this.#host.onPublishing(true);
    if (this.#announced !== undefined) {
      this.#announced = undefined;
      this.#tell(0, 'onFCPublish', 'status', 'NetStream.Publish.Start', 'may be published');
    }
    this.sendStreamBegin(this.#stream);
    this.#tell(this.#stream, 'onStatus', 'status', 'NetStream.Publish.Start', 'publishing');
  }

  /** @param isOurs whether it is about the stream that publishes */
  #stopped(isOurs: boolean): void {
    if (isOurs && (this.#state === 'publishing' || this.#state === 'asking')) {
      this.#state = 'connected';
      this.finish(true, 'the publisher stopped');
      this.#tell(this.#stream, 'onStatus', 'status', 'NetStream.Unpublish.Success', 'stopped');
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
      this.#tell(this.#stream, 'onStatus', 'error', code, reason);
      this.#socket.end();
      setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
    } else {
      this.#socket.destroy();
    }
    this.finish(false, reason);
  }

  #tell(
    stream: number,
    name: 'onStatus' | 'onFCPublish' | 'onFCUnpublish',
    level: 'status' | 'error',
    code: string,
    description: string,
  ): void {
    this.call(stream, name, 0, null, { level, code, description: ascii(description) });
  }

  /** Whether a stream's id is that of the publish; one that came on stream 0 has no id to compare with. */
  #isOurs(stream: Primitive): boolean {
    return stream === this.#stream || this.#stream === 0 || typeof stream !== 'number';
  }

  #expectConnected(command: string): void {
    this.#expect(this.#state !== 'new', `${command} before connect`);
  }

  #expect(holds: boolean, message: string): void {
    if (!holds) {
      throw new PipelineError('BAD_REQUEST', message);
    }
  }
}

const problemOf = (target: PublishTarget | undefined): string =>
  target !== undefined && 'problem' in target ? target.problem : NOT_TAKEN;
