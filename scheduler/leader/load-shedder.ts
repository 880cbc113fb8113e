/**
 * Looks some times a second how late every channel's work is, and has the next thing withheld, or made again, as
 * `plan/shedding.ts` says. Keeps nothing that the marks do not: another leader goes on where this one was.
 */
import type { Clock } from '#common/clock';
import type { WorkerCapacity } from '#common/contracts/worker-capacity';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { freeCores } from '../plan/capacity.ts';
import { nextShed, type LoadedChannel, type ShedOrder } from '../plan/shedding.ts';

/** Between looks, clock milliseconds: many while deadlines are in danger for the first time. */
const LOOK_MS = 500;

/** A channel's actor, as far as it is asked here. */
export interface Sheddable {
  /** How it is loaded now; undefined while it is off air; `undecided` while what was ordered is not in its log yet. */
  load(): LoadedChannel | 'undecided' | undefined;
  /** Has it withhold exactly these from as soon as that can be. */
  shed(order: ShedOrder): void;
}

/** What it works with. */
export interface ShedderDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Else what is withheld already is only made again. */
  readonly mayShed: boolean;
  readonly channels: () => readonly Sheddable[];
  readonly workers: () => Promise<readonly WorkerCapacity[]>;
  /** Cores that all broadcasts on air take. */
  readonly takenCores: () => number;
}

/** Starts to look. */
export function startShedding(deps: ShedderDeps): Closable {
  const { clock, logger } = deps;
  let looking: Promise<void> | undefined;
  /** Something is withheld: what the workers have room for counts. */
  let isShort = false;

  const look = async (): Promise<void> => {
    // Asked before the channels are: what they tell and what follows from it belong together.
    const workers = isShort ? await deps.workers() : [];
    const found = deps.channels().flatMap((channel) => {
      const load = channel.load();
      return load === undefined ? [] : [[channel, load] as const];
    });
    // One step at a time, over all channels.
    const decided = found.filter(
      (one): one is [Sheddable, LoadedChannel] => one[1] !== 'undecided',
    );
    if (decided.length < found.length) {
      return;
    }
    isShort = decided.some(([, { sheds }]) => (sheds.at(-1)?.withheld.length ?? 0) > 0);
    const free = freeCores(workers, deps.takenCores());
    const orders = nextShed(
      decided.map(([, load]) =>
        deps.mayShed ? load : { ...load, isInDanger: false, unfinished: undefined },
      ),
      free,
      clock.now(),
    );
    for (const order of orders) {
      const [ordered] = decided.find(([, { channel }]) => channel === order.channel) ?? [];
      ordered?.shed(order);
    }
  };

  const timer = setInterval(() => {
    looking ??= look()
      .catch((error: unknown) => {
        logger.warn({ error }, 'load not looked at');
      })
      .finally(() => {
        looking = undefined;
      });
  }, LOOK_MS / clock.rate);

  return {
    close: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
