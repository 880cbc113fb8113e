/** Which edges a viewer may use, and which one is in use: pure functions over a value that can be kept. */
import { parseJson } from '#common/json';

/** Base addresses without a slash at the end, nearest first; never empty. */
export interface EdgeChoice {
  readonly edges: readonly string[];
  /** The one in use, of `edges`. */
  readonly current: string;
  /** When the directory is to be asked again; milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The directory's answer as far as it is used. */
export interface DirectoryAnswer {
  readonly edges: readonly string[];
  readonly validMs: number;
}

/** The longest that an answer is believed: a viewer stays near the edges there are now. */
const VALID_MAX_MS = 60 * 60_000;

/** The origin of an address that media can be fetched from. */
function originOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) {
    return undefined;
  }
  const { protocol, origin } = new URL(value);
  return protocol === 'http:' || protocol === 'https:' ? origin : undefined;
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null
    ? new Map(Object.entries(value)).get(name)
    : undefined;

/** Reads `GET /v1/edges/nearest`; undefined when it names no edge. */
export function parseDirectory(text: string): DirectoryAnswer | undefined {
  const answer = parseJson(text);
  const list = fieldOf(answer, 'edges');
  const edges = (Array.isArray(list) ? list : []).flatMap(
    (edge: unknown) => originOf(fieldOf(edge, 'url')) ?? [],
  );
  const seconds = Number(fieldOf(answer, 'validSeconds'));
  return edges.length === 0 || !(seconds > 0)
    ? undefined
    : { edges, validMs: Math.min(VALID_MAX_MS, seconds * 1000) };
}

/** What was kept, if it still holds; whatever does not parse is as if it were not there. */
export function parseKept(text: string | undefined, now: number): EdgeChoice | undefined {
  const kept = text === undefined ? undefined : parseJson(text);
  const list = fieldOf(kept, 'edges');
  const edges = (Array.isArray(list) ? list : []).flatMap((edge: unknown) => originOf(edge) ?? []);
  const current = originOf(fieldOf(kept, 'current'));
  const expiresAt = Number(fieldOf(kept, 'expiresAt'));
  const holds = expiresAt > now && expiresAt <= now + VALID_MAX_MS;
  return current === undefined || !edges.includes(current) || !holds
    ? undefined
    : { edges, current, expiresAt };
}

/**
 * The choice that follows from an answer: the edge in use stays, if it is alive; else the nearest.
 * @param page origin of the page, which may be tried when all others fail
 */
export function choose(
  answer: DirectoryAnswer,
  page: string,
  inUse: string | undefined,
  now: number,
): EdgeChoice {
  const edges = [...new Set([...answer.edges, page])];
  const stays = inUse !== undefined && answer.edges.includes(inUse);
  return {
    edges,
    current: stays ? inUse : (answer.edges[0] ?? page),
    expiresAt: now + answer.validMs,
  };
}

/** The choice after `failed` did; the same when that one is not in use (any more) or there is no other. */
export function moveFrom(choice: EdgeChoice, failed: string): EdgeChoice {
  if (choice.current !== failed || choice.edges.length < 2) {
    return choice;
  }
  const next = (choice.edges.indexOf(failed) + 1) % choice.edges.length;
  return { ...choice, current: choice.edges[next] ?? failed };
}

/** The same object at the edge in use; addresses that are no edge's stay as they are. */
export function locateAt(choice: EdgeChoice, url: string, page: string): string {
  const { origin, pathname, search } = new URL(url, page);
  return origin === page || choice.edges.includes(origin)
    ? `${choice.current}${pathname}${search}`
    : url;
}
