/** A listener to server-sent events, who can stall as well. */
import { get, type IncomingMessage } from 'node:http';

/** A stream's events, as they come. */
export class EventListener {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly #answer: IncomingMessage;
  readonly #waiting: (() => void)[] = [];
  #text = '';
  #isOver = false;

  private constructor(answer: IncomingMessage) {
    this.#answer = answer;
    this.status = answer.statusCode ?? 0;
    this.headers = answer.headers;
    const wake = (): void => {
      for (const wait of this.#waiting.splice(0)) {
        wait();
      }
    };
    answer.setEncoding('utf8');
    answer.on('data', (text: string) => {
      this.#text += text;
      wake();
    });
    const end = (): void => {
      this.#isOver = true;
      wake();
    };
    answer.on('close', end);
    answer.on('error', end);
  }

  /** Connects. */
  static open(url: string, headers: Record<string, string> = {}): Promise<EventListener> {
    return new Promise((resolve, reject) => {
      get(url, { headers, agent: false }, (answer) => {
        resolve(new EventListener(answer));
      }).on('error', reject);
    });
  }

  /** The next event of that name, which is taken out of the stream with everything before it. */
  async next(name: string): Promise<unknown> {
    for (;;) {
      const found = new RegExp(`event: ${name}\\ndata: (.*)\\n\\n`).exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length);
        return JSON.parse(found[1] ?? '');
      }
      if (this.#isOver) {
        throw new Error(`the stream ended without ${name}`);
      }
      await this.#change();
    }
  }

  /** Resolves when the stream has ended. */
  async over(): Promise<void> {
    while (!this.#isOver) {
      await this.#change();
    }
  }

  /** What came and was not taken out. */
  get text(): string {
    return this.#text;
  }

  /** Takes no byte more. */
  stall(): void {
    this.#answer.pause();
  }

  /** Goes away. */
  close(): void {
    this.#answer.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
