/** An edge in the test's own process, for tests that look at its sockets. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClock } from '#common/clock';
import { drainsServer } from '#common/drain';
import { createHealthAnswer } from '#common/health';
import type { Closable } from '#common/lifecycle';
import { Held } from '../../edge/held.ts';
import { ViewerReports } from '../../edge/viewer-reports.ts';
import { MediaCache } from '../../edge/media-cache.ts';
import { createEdgeMetrics } from '../../edge/metrics.ts';
import { createEdgeServer } from '../../edge/server.ts';
import { openUpstream } from '../../edge/upstream.ts';

/** See the head of this file. */
export interface EdgeInProcess extends Closable {
  readonly port: number;
  /** Its side of each connection, in order. */
  readonly accepted: readonly Socket[];
}

/**
 * Starts one.
 * @param stallMs real milliseconds that a viewer may take nothing
 */
export async function startEdgeInProcess(
  upstreamUrl: string,
  stallMs: number,
): Promise<EdgeInProcess> {
  const upstream = openUpstream([upstreamUrl]);
  const registry = new Registry();
  const { server, fastPath } = createEdgeServer({
    cache: new MediaCache({
      upstream,
      clock: createClock(),
      logger: pino({ level: 'silent' }),
      maxBytes: 64 * 1024 * 1024,
    }),
    clock: createClock(),
    health: createHealthAnswer(registry, () => true),
    metrics: createEdgeMetrics(registry),
    held: new Held(),
    reports: new ViewerReports(Date.now),
    pages: () => undefined,
    repeatPauseMs: 0,
    stallMs,
  });
  const accepted: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    accepted.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    accepted,
    close: async () => {
      await fastPath.close();
      await drainsServer(server).close();
      await upstream.close();
    },
  };
}
