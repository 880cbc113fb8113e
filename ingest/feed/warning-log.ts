/** A feed's warnings in the log: each when it comes up, and then only now and then. */
import type { Warning } from '#common/contracts/status';
import type { Logger } from '#common/logger';

/** A warning that is still true, or true again, is not logged before this has passed, milliseconds. */
const EVERY = 60_000;

/** See the head of this file. */
export class WarningLog {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #loggedAt = new Map<string, number>();

  constructor(logger: Pick<Logger, 'warn'>) {
    this.#logger = logger;
  }

  /** Writes those that are due at `now`. */
  write(warnings: readonly Warning[], now: number): void {
    for (const { code, message } of warnings) {
      if (now - (this.#loggedAt.get(code) ?? Number.NEGATIVE_INFINITY) >= EVERY) {
        this.#loggedAt.set(code, now);
        this.#logger.warn({ code, reason: message }, 'feed warning');
      }
    }
  }
}
