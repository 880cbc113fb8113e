/** What the origin counts. Labels are bounded: none carries a channel. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** See the head of this file. */
export interface OriginMetrics {
  readonly published: Counter;
  readonly fragments: Counter;
  /** Results and fragments that were not published, by reason: an error code, or `differs`. */
  readonly rejected: Counter<'reason'>;
  /** Seconds from a segment's end on the grid to its publication. */
  readonly lag: Histogram;
  readonly committed: Counter;
  readonly lost: Counter;
  /** Segments of which what was withheld on air was made afterwards. */
  readonly completed: Counter;
  /** Answers by status. */
  readonly answers: Counter<'status'>;
}

/** What gauges read when they are asked. */
export interface OriginLevels {
  readonly held: () => number;
  readonly memoryBytes: () => number;
  readonly pendingCommits: () => number;
}

/** Registers the origin's metrics. */
export function createMetrics(registry: Registry): OriginMetrics {
  const registers = [registry];
  return {
    published: new Counter({
      name: 'touchline_origin_published_segments_total',
      help: 'Segments published, all renditions of one number counting once',
      registers,
    }),
    fragments: new Counter({
      name: 'touchline_origin_published_fragments_total',
      help: 'Fragments published, each rendition counting',
      registers,
    }),
    rejected: new Counter({
      name: 'touchline_origin_rejected_results_total',
      help: 'Results and fragments that were not published',
      labelNames: ['reason'],
      registers,
    }),
    lag: new Histogram({
      name: 'touchline_origin_publish_lag_seconds',
      help: "From a segment's end on the grid to its publication",
      buckets: [0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 20, 60],
      registers,
    }),
    committed: new Counter({
      name: 'touchline_origin_committed_segments_total',
      help: 'Commit records written',
      registers,
    }),
    lost: new Counter({
      name: 'touchline_origin_lost_segments_total',
      help: 'Published segments let go before the store had them',
      registers,
    }),
    completed: new Counter({
      name: 'touchline_shed_completed_segments_total',
      help: 'Segments of which what was withheld on air was made afterwards',
      registers,
    }),
    answers: new Counter({
      name: 'touchline_origin_http_answers_total',
      help: 'HTTP answers',
      labelNames: ['status'],
      registers,
    }),
  };
}

/** Registers gauges that are read when Prometheus asks. */
export function exposeLevels(registry: Registry, levels: OriginLevels): void {
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name: `touchline_origin_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('held_requests', 'Requests that wait for a segment', levels.held);
  gauge('memory_bytes', 'Published bytes in memory', levels.memoryBytes);
  gauge('pending_commits', 'Published segments that await their commit', levels.pendingCommits);
}
