/**
 * What viewers tell of their latency (CMCD), by channel. Counted in stretches of some seconds, of which the last whole one
 * is told; then it is forgotten. Who it was is not looked at: a session's id, where a player gives one, counts it once in
 * a stretch and goes with it.
 */
import { REPORT_MS, reportOf } from '#common/contracts/cmcd';
import { parseDelivery } from '#common/contracts/delivery';
import { viewersField } from '#common/contracts/viewer-latency';
import { LatencyCounts } from '#common/latency-counts';
import type { Visitor } from './pace.ts';

/** Bounds within one stretch: channels, whose names are anybody's to make up, and sessions known. */
export const MOST_CHANNELS = 256;
export const MOST_SESSIONS = 20_000;
/** Reports of one connection: several tabs and channels of one browser, and no crowd made up by one client. */
export const MOST_OF_CONNECTION = 8;

interface Stretch {
  readonly number: number;
  readonly channels: Map<string, LatencyCounts>;
  readonly sessions: Set<string>;
  readonly visitors: WeakMap<Visitor, number>;
}

/** See the head of this file. */
export class ViewerReports {
  readonly #now: () => number;
  readonly #isUnbounded: boolean;
  #current: Stretch;
  #last: Stretch | undefined;

  /**
   * @param now the clock that pages see, milliseconds
   * @param isUnbounded connections are not those of viewers but of proxies
   */
  constructor(now: () => number, isUnbounded = false) {
    this.#now = now;
    this.#isUnbounded = isUnbounded;
    this.#current = this.#begin();
  }

  /** Looks whether a request brings a report. */
  note(visitor: Visitor, target: string): void {
    const report = reportOf(target);
    if (report === undefined) {
      return;
    }
    const delivery = parseDelivery(target);
    if (delivery === undefined || delivery === 'malformed' || !target.startsWith('/live/')) {
      return;
    }
    this.#roll();
    const { channels, sessions, visitors } = this.#current;
    const { channel } = delivery;
    if (report.session !== undefined) {
      const session = `${channel} ${report.session}`;
      if (sessions.has(session) || sessions.size >= MOST_SESSIONS) {
        return;
      }
      sessions.add(session);
    }
    const before = visitors.get(visitor) ?? 0;
    if (before >= MOST_OF_CONNECTION * visitor.worth && !this.#isUnbounded) {
      return;
    }
    visitors.set(visitor, before + 1);
    let counts = channels.get(channel);
    if (counts === undefined) {
      if (channels.size >= MOST_CHANNELS) {
        return;
      }
      counts = new LatencyCounts();
      channels.set(channel, counts);
    }
    counts.add(report.latencyMs);
  }

  /**
   * What the last whole stretch told, for the heartbeat.
   * @param isChannel whether there is such a channel
   */
  told(isChannel: (channel: string) => boolean): string {
    this.#roll();
    const known = [...(this.#last?.channels ?? [])].filter(([channel]) => isChannel(channel));
    return viewersField(new Map(known));
  }

  #begin(): Stretch {
    return {
      number: Math.floor(this.#now() / REPORT_MS),
      channels: new Map(),
      sessions: new Set(),
      visitors: new WeakMap(),
    };
  }

  #roll(): void {
    const next = this.#begin();
    if (next.number !== this.#current.number) {
      this.#last = next.number === this.#current.number + 1 ? this.#current : undefined;
      this.#current = next;
    }
  }
}
