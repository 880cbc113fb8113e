/** The edge, in the test's own process, on a free port. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClock } from '#common/clock';
import { parseConfig } from '#common/config';
import { createHealthAnswer } from '#common/health';
import { Lifecycle } from '#common/lifecycle';
import type { Detail } from '#common/service';
import { edgeSettings } from '../../edge/config.ts';
import { startEdge, type EdgeContext } from '../../edge/start.ts';

/** A running edge. */
export interface RunningEdge {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** What Redis' hash `services` holds of an edge that has just been heard of. */
export const edgeService = (): string =>
  JSON.stringify({
    id: 'local.host.01a',
    service: 'edge',
    url: 'http://127.0.0.1:1',
    pid: 1,
    ready: true,
    startedAt: 0,
    at: Date.now(),
    detail: { edge: 'local.host.01a', url: 'http://edge.example' },
  });

/** Starts an edge before an upstream; `services` are the values of Redis' hash of that name. */
export async function runEdge(
  upstream: string,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly services?: () => readonly string[];
    /** The names of channels; `main` unless said otherwise. */
    readonly channels?: () => readonly string[];
    /** Instead of what `services` and `channels` tell. */
    readonly redis?: EdgeContext['redis'];
    readonly onDetail?: (detail: Detail) => void;
  } = {},
): Promise<RunningEdge> {
  const logger = pino({ level: 'silent' });
  const lifecycle = new Lifecycle(logger);
  const metrics = new Registry();
  let isReady = false;
  const url = await startEdge({
    config: parseConfig(edgeSettings, { HTTP_PORT: '0', EDGE_UPSTREAM: upstream, ...options.env }),
    logger,
    clock: createClock(),
    redis: options.redis ?? {
      hvals: () => Promise.resolve([...(options.services?.() ?? [])]),
      hkeys: () => Promise.resolve([...(options.channels?.() ?? ['main'])]),
    },
    metrics,
    lifecycle,
    health: createHealthAnswer(metrics, () => isReady),
    setReady: (ready) => {
      isReady = ready;
    },
    setDetail: (detail) => options.onDetail?.(detail),
  });
  return {
    url,
    close: () => lifecycle.close(),
  };
}
