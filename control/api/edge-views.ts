/** Edges as operators see them: counters from their heartbeats, and rates between the heartbeats of the last while. */
import { z } from 'zod';
import type { EdgeView } from '#common/contracts/control-room';
import type { ServiceRecord } from '#common/contracts/status';

/** Rates are over this long, real milliseconds: enough heartbeats to be steady, few enough to be of now. */
const WINDOW_MS = 10_000;

const count = z.int().min(0).nullable().catch(null);
const detailSchema = z.object({
  url: z.string().nullable().catch(null),
  hits: count,
  misses: count,
  requests: count,
  bytesSent: count,
});
type Counters = Omit<z.output<typeof detailSchema>, 'url'>;

interface Beat {
  readonly at: number;
  readonly startedAt: number;
  readonly counters: Counters;
}

/** See the head of this file. */
export class EdgeViews {
  readonly #beats = new Map<string, Beat[]>();

  /** The edges among the services. Counts every heartbeat it sees once; to be called more often than edges beat. */
  of(services: readonly ServiceRecord[]): readonly EdgeView[] {
    const edges = services.filter(({ service }) => service === 'edge');
    const present = new Set(edges.map(({ id }) => id));
    for (const id of this.#beats.keys()) {
      if (!present.has(id)) {
        this.#beats.delete(id);
      }
    }
    return edges.map((edge) => this.#view(edge));
  }

  #view({ detail, service: _service, ...shared }: ServiceRecord): EdgeView {
    const { url, ...counters } = detailSchema.parse(detail);
    const beat = { at: shared.at, startedAt: shared.startedAt, counters };
    const beats = withBeat(this.#beats.get(shared.id) ?? [], beat);
    this.#beats.set(shared.id, beats);
    return { ...shared, publicUrl: url ?? shared.url, ...counters, ...ratesOf(beats) };
  }
}

function withBeat(beats: Beat[], beat: Beat): Beat[] {
  const last = beats.at(-1);
  // An edge that has just started beats before it counts.
  if (last?.at === beat.at || beat.counters.requests === null) {
    return beats;
  }
  // Counters begin anew with the process.
  const known = last?.startedAt === beat.startedAt ? beats : [];
  return [...known.filter(({ at }) => beat.at - at <= WINDOW_MS), beat];
}

function ratesOf(
  beats: readonly Beat[],
): Pick<EdgeView, 'hitRatio' | 'requestsPerSecond' | 'bitsPerSecond'> {
  const first = beats[0];
  const last = beats.at(-1);
  const grown = (name: keyof Counters): number | null => {
    const [before, after] = [first?.counters[name] ?? null, last?.counters[name] ?? null];
    return before === null || after === null ? null : after - before;
  };
  const seconds = ((last?.at ?? 0) - (first?.at ?? 0)) / 1000;
  const perSecond = (amount: number | null): number | null =>
    amount === null || seconds <= 0 ? null : amount / seconds;
  const [hits, misses, bytes] = [grown('hits'), grown('misses'), grown('bytesSent')];
  const lookups = hits === null || misses === null ? 0 : hits + misses;
  return {
    hitRatio: hits === null || lookups === 0 ? null : hits / lookups,
    requestsPerSecond: perSecond(grown('requests')),
    bitsPerSecond: perSecond(bytes === null ? null : bytes * 8),
  };
}
