/**
 * The edge this viewer uses. The directory is asked once; its answer is kept in the browser and used, visit after
 * visit, until it expires or its edge fails. Then the next edge takes over in the middle of whatever plays.
 */
import { PATHS } from '#common/contracts/delivery';
import { choose, locateAt, moveFrom, parseDirectory, parseKept } from './edge-choice.ts';
import type { EdgeChoice } from './edge-choice.ts';
import type { EdgeRoute } from './edge-route.ts';
import { keptEdges, keepEdges } from './preferences.ts';

/** See the head of this file. */
export interface Edges extends EdgeRoute {
  /** Resolves when an edge has been chosen. */
  readonly ready: Promise<void>;
  /** Base address of the edge in use. */
  readonly current: () => string;
  /** Every edge known, the one that served the page first: code is fetched from where it is already cached. */
  readonly forCode: () => readonly string[];
  /** Fetches a path from the edge in use, and from the others when that fails. */
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
}

const DIRECTORY_MS = 2_000;
const REQUEST_MS = 10_000;
const SIGN_OF_LIFE_MS = 1_500;
/** Longer than an answer takes, shorter than the buffer lasts; the origin may hold a request for longer. */
const SILENT_MS = 2_500;
/** What an edge says when it is well and the way behind it is not. */
const BAD_GATEWAY = 502;
/** The directory is asked at most this often, however many requests fail. */
const ASK_AGAIN_MS = 5_000;

/** Chooses an edge for a channel, starting from the one that served the page. */
export function createEdges(channel: string): Edges {
  const page = location.origin;
  const kept = parseKept(keptEdges(), Date.now());
  let choice: EdgeChoice = kept ?? { edges: [page], current: page, expiresAt: 0 };
  let hasChosen = kept !== undefined;
  let lastAsked = Number.NEGATIVE_INFINITY;
  const probes = new Map<string, Promise<boolean>>();

  const set = (next: EdgeChoice): void => {
    if (next !== choice) {
      choice = next;
      hasChosen = true;
      keepEdges(JSON.stringify(next));
    }
  };
  const askDirectory = async (): Promise<void> => {
    lastAsked = performance.now();
    const address = `${choice.current}${PATHS.nearestEdges}?channel=${channel}`;
    const response = await fetch(address, { signal: AbortSignal.timeout(DIRECTORY_MS) });
    const answer = response.ok ? parseDirectory(await response.text()) : undefined;
    if (answer !== undefined) {
      set(choose(answer, page, hasChosen ? choice.current : undefined, Date.now()));
    }
  };
  const askQuietly = (): Promise<void> => askDirectory().catch(() => undefined);
  const leave = (edge: string): void => {
    const next = moveFrom(choice, edge);
    if (next !== choice) {
      set(next);
      if (performance.now() - lastAsked > ASK_AGAIN_MS) {
        void askQuietly();
      }
    }
  };
  const isAlive = (edge: string): Promise<boolean> => {
    const known = probes.get(edge);
    if (known !== undefined) {
      return known;
    }
    const probe = fetch(`${edge}/time`, {
      cache: 'no-store',
      signal: AbortSignal.timeout(SIGN_OF_LIFE_MS),
    })
      .then(({ ok }) => ok)
      .catch(() => false)
      .finally(() => probes.delete(edge));
    probes.set(edge, probe);
    return probe;
  };
  const suspect = (url: string): void => {
    const edge = new URL(url, page).origin;
    // Without a network no edge is better than another.
    if (edge === choice.current && navigator.onLine) {
      void isAlive(edge).then((alive) => {
        if (!alive) {
          leave(edge);
        }
      });
    }
  };
  return {
    ready: kept === undefined ? askQuietly() : Promise.resolve(),
    current: () => choice.current,
    forCode: () => [...new Set([page, choice.current, ...choice.edges])],
    locate: (url) => locateAt(choice, url, page),
    failed: (url) => {
      leave(new URL(url, page).origin);
    },
    suspect,
    watch: (url) => {
      const timer = setTimeout(() => {
        suspect(url);
      }, SILENT_MS);
      return () => {
        clearTimeout(timer);
      };
    },
    fetch: async (path, init = {}) => {
      let last: unknown;
      for (let attempt = 0; attempt < choice.edges.length; attempt += 1) {
        const edge = choice.current;
        try {
          const signal = AbortSignal.timeout(REQUEST_MS);
          const response = await fetch(`${edge}${path}`, { ...init, signal });
          if (response.status !== BAD_GATEWAY || attempt + 1 === choice.edges.length) {
            return response;
          }
        } catch (error) {
          last = error;
        }
        if (navigator.onLine) {
          leave(edge);
        }
      }
      throw last;
    },
  };
}
