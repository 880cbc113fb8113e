/** Sums over a snapshot. Pure. */
import type { Snapshot } from '#common/contracts/control-room';

/** See the head of this file. What nobody has told is null. */
export interface Totals {
  readonly onAir: number;
  readonly channels: number;
  readonly ingestBps: number;
  readonly worstLagMs: number | null;
  readonly busy: number;
  readonly workers: number;
  readonly waiting: number;
  readonly egressBps: number | null;
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** See the head of this file. */
export function totalsOf({ channels, workers, queues, edges }: Snapshot): Totals {
  const lags = channels.flatMap(({ status }) =>
    status.renditions.flatMap(({ lagMs }) => (lagMs === null ? [] : [lagMs])),
  );
  const egress = edges.flatMap(({ bitsPerSecond }) =>
    bitsPerSecond === null ? [] : [bitsPerSecond],
  );
  return {
    onAir: channels.filter(({ status }) => status.onAir).length,
    channels: channels.length,
    ingestBps: sum(channels.flatMap(({ status }) => status.feeds.map((feed) => feed.bitrateBps))),
    worstLagMs: lags.length === 0 ? null : Math.max(...lags),
    busy: workers.filter(({ state }) => state === 'working').length,
    workers: workers.length,
    waiting: sum(queues.map(({ waiting }) => waiting)),
    egressBps: egress.length === 0 ? null : sum(egress),
  };
}
