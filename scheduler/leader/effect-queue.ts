/**
 * What a channel's log leads to, done one after another beside the decisions: one that hangs delays what comes after it, and
 * no mark. The first that fails is the last that is tried: its actor begins again from its checkpoint.
 */

/** See the head of this file. */
export class EffectQueue {
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #onPause: () => void;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isStopped = false;

  /** @param onPause called when all are done, or one has failed */
  constructor(onPause: () => void) {
    this.#onPause = onPause;
  }

  /** Effects not done yet. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Why one of them failed; undefined while none has. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** To be done after those before it. */
  push(effect: () => Promise<void>): void {
    this.#waiting.push(effect);
    this.#running ??= this.#run();
  }

  /** Begins none from now on; resolves once the one under way has ended, however it does. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#isStopped || this.#failure !== undefined) {
        break;
      }
      try {
        await next();
        this.#waiting.shift();
      } catch (error) {
        this.#failure = { error };
      }
    }
    this.#running = undefined;
    this.#onPause();
  }
}
