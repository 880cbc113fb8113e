/** An encoder on a raw connection, which sends what a test says and waits for what a test says. */
import { once } from 'node:events';
import net from 'node:net';
import { HELLO } from '../fault/rtmp-bytes.ts';
import { decodeAmf, type AmfValue } from './amf0.ts';
import { eventually } from './poll.ts';
import { ChunkReader, RTMP_MESSAGE, type RtmpMessage } from './rtmp-chunks.ts';

/** S0, S1 and S2. */
const HANDSHAKE_ANSWER = 1 + 2 * 1536;

/** See the head of this file. */
export class RtmpEncoder {
  /** Every message that the server sent, in order. */
  readonly messages: RtmpMessage[] = [];
  readonly #socket: net.Socket;
  readonly #reader = new ChunkReader();
  #greeting = HANDSHAKE_ANSWER;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      const rest = data.subarray(Math.min(this.#greeting, data.length));
      this.#greeting -= data.length - rest.length;
      this.messages.push(...this.#reader.push(rest));
    });
  }

  /** Connects and sends the handshake. */
  static async open(port: number): Promise<RtmpEncoder> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const encoder = new RtmpEncoder(socket);
    await encoder.send(HELLO);
    return encoder;
  }

  /** Whether the server has closed the connection. */
  get isClosed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  /** The values of every command that the server sent. */
  get commands(): (readonly AmfValue[])[] {
    return this.messages
      .filter(({ type }) => type === RTMP_MESSAGE.command)
      .map(({ body }) => decodeAmf(body));
  }

  /** Sends pieces; resolves when the socket takes more. */
  async send(...pieces: readonly Buffer[]): Promise<void> {
    if (!this.#socket.write(Buffer.concat(pieces))) {
      await Promise.race([once(this.#socket, 'drain'), once(this.#socket, 'close')]);
    }
  }

  /** Waits until the server has sent a command of this name for a transaction, or any. */
  async command(name: string, transaction?: number): Promise<readonly AmfValue[]> {
    return eventually(`${name} from the server`, () =>
      Promise.resolve(
        this.commands.find(
          ([is, of]) => is === name && (transaction === undefined || of === transaction),
        ),
      ),
    );
  }

  drop(): void {
    this.#socket.destroy();
  }
}
