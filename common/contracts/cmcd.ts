/**
 * What players tell the edge of themselves: of CTA-5004-A (Common Media Client Data, version 2) the live stream latency,
 * in the query of a request. Written by our pages and read at the edge; any other player may say it too.
 */
import { pathOf } from './delivery.ts';

/** The query parameter (CTA-5004 §2.2). */
const PARAMETER = 'CMCD';
/** Our pages tell once in each of these stretches of the edge's clock, so that reports are viewers. Milliseconds. */
export const REPORT_MS = 5_000;
/** Nobody who watches live is further behind; what is more is no latency. Milliseconds. */
const LONGEST_MS = 60_000;
/** A list of keys that is longer is none of a player's. */
const MAX_LENGTH = 1024;

/** A report. */
export interface ViewerReport {
  /** `ltc`: from a picture's moment until it is shown, milliseconds. */
  readonly latencyMs: number;
  /** `sid`: names the playback for those who report with every request; our pages do not. */
  readonly session: string | undefined;
}

/**
 * A URL with a report in its query, in place of one that it may have already.
 * @param latencyMs undefined: without a report
 */
export function withReport(url: string, latencyMs: number | undefined): string {
  const path = pathOf(url);
  const others = url
    .slice(path.length + 1)
    .split('&')
    .filter((pair) => pair !== '' && !pair.startsWith(`${PARAMETER}=`));
  const report =
    latencyMs === undefined
      ? []
      : [`${PARAMETER}=${encodeURIComponent(`ltc=${Math.round(latencyMs)},v=2`)}`];
  const query = [...others, ...report].join('&');
  return query === '' ? path : `${path}?${query}`;
}

/** Reads the report of a request target; undefined: there is none, or none of a live viewer. */
export function reportOf(target: string): ViewerReport | undefined {
  // Nearly no request has one.
  const at = target.indexOf(`${PARAMETER}=`);
  if (at < 1 || target.length - at > MAX_LENGTH) {
    return undefined;
  }
  const given = target
    .slice(pathOf(target).length + 1)
    .split('&')
    .find((pair) => pair.startsWith(`${PARAMETER}=`));
  const list = decoded(given?.slice(PARAMETER.length + 1) ?? '');
  const latency = /(?:^|,)ltc=(?<ms>\d{1,6})(?:,|$)/.exec(list)?.groups?.['ms'];
  const latencyMs = Number(latency ?? Number.NaN);
  if (!(latencyMs <= LONGEST_MS)) {
    return undefined;
  }
  return { latencyMs, session: /(?:^|,)sid="(?<sid>[^",]{1,64})"/.exec(list)?.groups?.['sid'] };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
