/** The broadcasts the origin has in hand, by channel: the current one, and the one before while it may still be finished. */
import type { LiveBroadcast } from './live-broadcast.ts';

/** Broadcasts of one channel kept in hand; older ones are recordings. */
const KEPT = 2;
/** The same with those that still await segments. */
const MOST = 8;

/** See the head of this file. */
export class Channels {
  readonly #channels = new Map<string, Map<number, LiveBroadcast>>();

  /** All broadcasts in hand. */
  all(): LiveBroadcast[] {
    return [...this.#channels.values()].flatMap((channel) => [...channel.values()]);
  }

  /** Those that may still get fragments; of one channel the newest only, for they share their streams. */
  growing(): LiveBroadcast[] {
    return [...this.#channels.keys()].flatMap((channel) => {
      const growing = [...(this.#channels.get(channel)?.values() ?? [])].filter(
        (live) => live.growing !== undefined && !live.isComplete,
      );
      return growing
        .toSorted((a, b) => a.timeline.broadcast.broadcast - b.timeline.broadcast.broadcast)
        .slice(-1);
    });
  }

  /** A broadcast in hand. */
  find(channel: string, broadcast: number): LiveBroadcast | undefined {
    return this.#channels.get(channel)?.get(broadcast);
  }

  /** The channel's newest broadcast. */
  current(channel: string): LiveBroadcast | undefined {
    const starts = [...(this.#channels.get(channel)?.keys() ?? [])];
    return this.find(channel, Math.max(...starts));
  }

  /** The broadcast in hand that a segment number belongs to: the newest that begins at or before it. */
  holding(channel: string, n: number): LiveBroadcast | undefined {
    const starts = [...(this.#channels.get(channel)?.keys() ?? [])].filter((start) => start <= n);
    return this.find(channel, Math.max(...starts));
  }

  /** Takes a broadcast in hand; the oldest that is finished leaves it. */
  add(live: LiveBroadcast): void {
    const { channel, broadcast } = live.timeline.broadcast;
    const broadcasts = this.#channels.get(channel) ?? new Map<number, LiveBroadcast>();
    this.#channels.set(channel, broadcasts.set(broadcast, live));
    const starts = [...broadcasts.keys()].toSorted((a, b) => b - a);
    starts.slice(KEPT).forEach((start, i) => {
      const older = broadcasts.get(start);
      if (older !== undefined && (older.isComplete || i >= MOST - KEPT)) {
        void older.close();
        broadcasts.delete(start);
      }
    });
  }
}
