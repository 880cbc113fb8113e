/** A feed's warnings in the log: each when it comes up, and then only now and then, and when it is over. */
import type { Warning } from '#common/contracts/status';
import type { Logger } from '#common/logger';

/** A warning that is still true, or true again, is not logged before this has passed, milliseconds. */
const EVERY = 60_000;

/** See the head of this file. */
export class WarningLog {
  readonly #logger: Pick<Logger, 'info' | 'warn'>;
  readonly #loggedAt = new Map<string, number>();
  /** Codes in the log whose end is not. */
  readonly #open = new Set<string>();

  constructor(logger: Pick<Logger, 'info' | 'warn'>) {
    this.#logger = logger;
  }

  /** Writes those that are due at `now`, and which are no longer true. */
  write(warnings: readonly Warning[], now: number): void {
    for (const { code, message } of warnings) {
      if (now - (this.#loggedAt.get(code) ?? Number.NEGATIVE_INFINITY) >= EVERY) {
        this.#loggedAt.set(code, now);
        this.#open.add(code);
        this.#logger.warn({ code, reason: message }, 'feed warning');
      }
    }
    const codes = new Set(warnings.map(({ code }) => code));
    for (const code of this.#open) {
      if (!codes.has(code)) {
        this.#open.delete(code);
        this.#logger.info({ code }, 'feed warning over');
      }
    }
  }
}
