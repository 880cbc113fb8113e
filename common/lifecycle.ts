/** What was started in order is closed in reverse; every close runs, each within its deadline. */
import { PipelineError } from './errors.ts';
import type { Logger } from './logger.ts';

/** Anything that was started. */
export interface Closable {
  close(): Promise<void>;
}

/** Owns the parts of a running service. */
export class Lifecycle {
  readonly #parts: { readonly name: string; readonly part: Closable }[] = [];
  readonly #logger: Logger;
  readonly #deadlineMs: number;
  #closing: Promise<void> | undefined;

  constructor(logger: Logger, deadlineMs = 5_000) {
    this.#logger = logger;
    this.#deadlineMs = deadlineMs;
  }

  /** Takes charge of a part; it is closed before everything owned earlier, or at once where the closing has begun. */
  own<T extends Closable>(name: string, part: T): T {
    if (this.#closing === undefined) {
      this.#parts.push({ name, part });
    } else {
      void this.#closeOne(name, part);
    }
    return part;
  }

  /** Closes every part in reverse order; errors and missed deadlines are logged and do not stop the rest. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const { name, part } of this.#parts.toReversed()) {
      await this.#closeOne(name, part);
    }
  }

  async #closeOne(name: string, part: Closable): Promise<void> {
    try {
      await withDeadline(part.close(), this.#deadlineMs, name);
    } catch (error) {
      this.#logger.error({ error, part: name }, 'part did not close');
    }
  }
}

/** Rejects with `TIMEOUT` when the work takes longer than its deadline (real milliseconds). */
export async function withDeadline<T>(
  work: Promise<T>,
  deadlineMs: number,
  name: string,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new PipelineError('TIMEOUT', `${name} took longer than ${deadlineMs} ms`));
    }, deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
