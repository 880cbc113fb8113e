/** How much transcoding the workers can carry, from what they tell of their machines. Pure. */
import type { WorkerCapacity } from '#common/contracts/worker-capacity';

/** A worker does one task at a time, and its ffmpeg keeps about one core busy. */
const CORES_OF_A_WORKER = 1;
/** What ingest, Redis, origin and edge take of a machine for one more broadcast, should they run there. */
const REST_CORES = 0.25;
/** Cores are never used to the last: work comes in lumps, and a segment that waits for a worker is late. */
const USABLE = 0.75;

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** The mean of what is known; undefined when nothing is. */
function mean(values: readonly (number | null)[]): number | undefined {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? undefined : sum(known) / known.length;
}

function groups<T>(items: readonly T[], nameOf: (item: T) => string): readonly (readonly T[])[] {
  const byName = new Map<string, T[]>();
  for (const item of items) {
    byName.set(nameOf(item), [...(byName.get(nameOf(item)) ?? []), item]);
  }
  return [...byName.values()];
}

/** Cores of one machine for its workers, whatever is already being transcoded. */
function coresOf(workers: readonly WorkerCapacity[]): number {
  const allowed = sum(
    groups(workers, ({ scope }) => scope).map((inScope) =>
      Math.max(...inScope.map(({ scopeCores }) => scopeCores)),
    ),
  );
  if (workers.every(({ isGiven }) => isGiven)) {
    return allowed;
  }
  const hostCores = Math.max(...workers.map((worker) => worker.hostCores));
  const others = mean(workers.map(({ otherCores }) => otherCores)) ?? 0;
  const left = Math.min(allowed, hostCores - others) - REST_CORES;
  return USABLE * Math.max(0, Math.min(left, CORES_OF_A_WORKER * workers.length));
}

/**
 * Cores that are free for one more broadcast, counted in those of the machine that costs were measured on.
 * @param workers those that can be heard of
 * @param taken cores that broadcasts on air take, counted likewise
 * @returns null when no worker is known
 */
export function freeCores(workers: readonly WorkerCapacity[], taken: number): number | null {
  if (workers.length === 0) {
    return null;
  }
  const all = groups(workers, ({ host }) => host).map(
    (onHost) => coresOf(onHost) / (mean(onHost.map(({ slowness }) => slowness)) ?? 1),
  );
  return Math.max(0, sum(all) - taken);
}
