/** The edge's numbers: for Prometheus, and as totals for its heartbeat. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Held } from './held.ts';
import type { Lookup, MediaCache } from './media-cache.ts';
import type { MediaKind } from './paths.ts';
import type { Traffic } from './traffic.ts';

/** Totals since the process began; they never go back. */
export interface EdgeTotals {
  /** Media requests. */
  readonly requests: number;
  /** Answered without a request to the upstream of their own. */
  readonly hits: number;
  /** The rest: each asked the upstream, or was refused. */
  readonly misses: number;
  readonly bytesSent: number;
}

/** What the edge counts. */
export interface EdgeMetrics {
  onLookup(lookup: Lookup): void;
  onAnswer(media: MediaKind, status: number): void;
  /** The cache whose size is told. */
  watch(cache: MediaCache): void;
  /** The requests that wait. */
  watchHeld(held: Held): void;
  /** The server whose traffic is told. */
  count(traffic: Traffic): void;
  totals(): EdgeTotals;
}

/**
 * Registers the edge's metrics. Hot paths add to plain numbers, which become metrics when somebody asks: a counter
 * with labels costs more than finding the object.
 */
export function createEdgeMetrics(registry: Registry): EdgeMetrics {
  const lookups: Record<Lookup, number> = { hit: 0, join: 0, miss: 0, revalidate: 0, refused: 0 };
  const answers = new Map<MediaKind, Map<number, number>>();
  let traffic: Traffic | undefined;
  const lookupCounter = new Counter({
    name: 'edge_cache_lookups_total',
    help: 'Media requests by how the cache answered: hit, join (shared an upstream request), miss, revalidate, refused.',
    labelNames: ['outcome'],
    registers: [registry],
    collect: () => {
      lookupCounter.reset();
      for (const [outcome, count] of Object.entries(lookups)) {
        lookupCounter.inc({ outcome }, count);
      }
    },
  });
  const answerCounter = new Counter({
    name: 'edge_responses_total',
    help: 'Media responses by kind of object and status.',
    labelNames: ['media', 'status'],
    registers: [registry],
    collect: () => {
      answerCounter.reset();
      for (const [media, statuses] of answers) {
        for (const [status, count] of statuses) {
          answerCounter.inc({ media, status }, count);
        }
      }
    },
  });
  const bytes = new Counter({
    name: 'edge_sent_bytes_total',
    help: 'Bytes sent to viewers, headers included.',
    registers: [registry],
    collect: () => {
      bytes.reset();
      bytes.inc(traffic?.bytesSent() ?? 0);
    },
  });
  return {
    onLookup: (lookup) => {
      lookups[lookup] += 1;
    },
    onAnswer: (media, status) => {
      let statuses = answers.get(media);
      if (statuses === undefined) {
        statuses = new Map();
        answers.set(media, statuses);
      }
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    },
    count: (counted) => {
      traffic = counted;
    },
    watch: (cache) => {
      const gauge = new Gauge({
        name: 'edge_cache_bytes',
        help: 'Bytes of media in memory, at rest and being received.',
        labelNames: ['state'],
        registers: [registry],
        collect: () => {
          gauge.set({ state: 'rest' }, cache.bytes);
          gauge.set({ state: 'flight' }, cache.flyingBytes);
        },
      });
    },
    watchHeld: (held) => {
      const gauge = new Gauge({
        name: 'edge_held_requests',
        help: 'Requests that wait for the upstream, or in pace.',
        registers: [registry],
        collect: () => {
          gauge.set(held.count);
        },
      });
      const refused = new Counter({
        name: 'edge_held_refused_total',
        help: 'Requests answered with 503 because every place to wait in was taken.',
        registers: [registry],
        collect: () => {
          refused.reset();
          refused.inc(held.refused);
        },
      });
    },
    totals: () => {
      const hits = lookups.hit + lookups.join;
      const misses = lookups.miss + lookups.revalidate + lookups.refused;
      return { requests: hits + misses, hits, misses, bytesSent: traffic?.bytesSent() ?? 0 };
    },
  };
}
