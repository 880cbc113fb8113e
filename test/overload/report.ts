/** What an overload has shown, as rows of tables. Pure. */
import type { Broadcast } from '#common/contracts/segment';
import type { Shed } from '#common/contracts/shed';
import { gridOf, timeOfSegment, type FpsName } from '#common/grid';
import type { ProcessReading } from '../soak/processes.ts';
import type { Row } from '../helpers/report-table.ts';
import type { Look } from './lag-watch.ts';

/** What one step orders of several channels, their marks say so many milliseconds apart at most. */
const SAME_STEP_MS = 500;

/** Lags in seconds, summed up. */
export interface LagSummary {
  readonly p50: number;
  readonly p95: number;
  readonly worst: number;
  /** Share of the looks with no more than was asked for. */
  readonly inTime: number;
}

/** Sums up lags. @param bound seconds that one may have */
export function summaryOf(lags: readonly number[], bound: number): LagSummary {
  const sorted = lags.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  const inTime = sorted.filter((lag) => lag <= bound).length / Math.max(1, sorted.length);
  return { p50: at(0.5), p95: at(0.95), worst: at(1), inTime };
}

/** Of each look at a channel the least lag: that of the picture that is best off. */
export function bestLags(looks: readonly Look[]): readonly number[] {
  const best = new Map<number, number>();
  for (const { at, lag } of looks) {
    if (lag !== undefined) {
      best.set(at, Math.min(lag, best.get(at) ?? Number.POSITIVE_INFINITY));
    }
  }
  return [...best.values()];
}

/** A row of lags. */
export function lagRow(
  names: Readonly<Record<string, string>>,
  lags: readonly number[],
  { looks, bounds }: { readonly looks: number; readonly bounds: readonly number[] },
): Row {
  const { p50, p95, worst } = summaryOf(lags, 0);
  const tell = (text: string): string => (lags.length === 0 ? '–' : text);
  const within = bounds.map((bound): [string, string] => [
    `within ${bound} s`,
    tell(`${(100 * summaryOf(lags, bound).inTime).toFixed(1)} %`),
  ]);
  return {
    ...names,
    'lag p50': tell(`${p50.toFixed(2)} s`),
    p95: tell(`${p95.toFixed(2)} s`),
    worst: tell(`${worst.toFixed(2)} s`),
    ...Object.fromEntries(within),
    withheld: `${((100 * (looks - lags.length)) / Math.max(1, looks)).toFixed(0)} %`,
  };
}

/** A row of a decision. @param began when the overload did, milliseconds since the epoch */
export function shedRow(channel: string, fps: FpsName, shed: Shed, began: number): Row {
  const seconds = (time: number): string => `${((time - began) / 1000).toFixed(1)} s`;
  return {
    channel,
    decided: seconds(shed.at),
    'counts from': seconds(timeOfSegment(gridOf(fps), shed.from)),
    withheld: shed.withheld.join(' ') || 'nothing',
    why:
      shed.reason === 'room'
        ? 'room again'
        : `${shed.lateChannel} ${(shed.lateMs / 1000).toFixed(2)} s late`,
  };
}

/**
 * Decisions that took something of a channel while a less important one had more than its last picture, in words.
 * @param records the most important first
 * @param pictures of each
 */
export function unjustOf(
  records: readonly Pick<Broadcast, 'channel' | 'sheds'>[],
  pictures: number,
): readonly string[] {
  return records.flatMap(({ channel, sheds }, i) =>
    sheds
      .filter(({ reason }) => reason === 'late')
      .flatMap(({ at }) =>
        records
          .slice(i + 1)
          .filter((other) => {
            const given =
              other.sheds.findLast((shed) => shed.at <= at + SAME_STEP_MS)?.withheld ?? [];
            return given.length < pictures - 1;
          })
          .map((other) => `${channel} gave something up while ${other.channel} had more to give`),
      ),
  );
}

/** Bytes of memory of all processes of each name. */
export function memoryOf(processes: readonly ProcessReading[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { name, rssBytes } of processes) {
    sums.set(name, (sums.get(name) ?? 0) + rssBytes);
  }
  return sums;
}

const megabytes = (bytes: number | undefined): string => ((bytes ?? 0) / 1e6).toFixed(0);

/** Rows of memory, a service each; what it was in all readings. */
export function memoryRows(readings: ReadonlyMap<string, ReadonlyMap<string, number>>): Row[] {
  const names = new Set([...readings.values()].flatMap((reading) => [...reading.keys()]));
  return [...names].toSorted().map((name) => ({
    'memory, MB': name,
    ...Object.fromEntries(
      [...readings].map(([when, reading]) => [when, megabytes(reading.get(name))]),
    ),
  }));
}
