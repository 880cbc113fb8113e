/** The edge's numbers for Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Lookup, MediaCache } from './media-cache.ts';
import type { MediaKind } from './paths.ts';

/** What the edge counts. */
export interface EdgeMetrics {
  onLookup(lookup: Lookup): void;
  onAnswer(media: MediaKind, status: number): void;
  /** The cache whose size is told. */
  watch(cache: MediaCache): void;
}

/** Registers the edge's metrics. */
export function createEdgeMetrics(registry: Registry): EdgeMetrics {
  const lookups = new Counter({
    name: 'edge_cache_lookups_total',
    help: 'Media requests by how the cache answered: hit, join (shared an upstream request), miss, revalidate, refused.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const answers = new Counter({
    name: 'edge_responses_total',
    help: 'Media responses by kind of object and status.',
    labelNames: ['media', 'status'],
    registers: [registry],
  });
  return {
    onLookup: (lookup) => {
      lookups.inc({ outcome: lookup });
    },
    onAnswer: (media, status) => {
      answers.inc({ media, status });
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
  };
}
