/** Follows what a channel publishes, version by version, and holds each against the rules. */
import { complaintsOf } from '../helpers/playlist-parsers.ts';
import { changesAgainstRules, problemsOf } from '../helpers/ll-hls-rules.ts';

/** What was seen of one playlist or manifest. */
export interface Followed {
  readonly url: string;
  versions: number;
  deltas: number;
  /** Each once, with how often it was seen. */
  readonly problems: Map<string, number>;
}

/** One version in so many is asked for as a delta as well. */
const DELTA_EVERY = 3;

const note = (followed: Followed, problems: readonly string[]): void => {
  for (const problem of problems) {
    followed.problems.set(problem, (followed.problems.get(problem) ?? 0) + 1);
  }
};

/** The request that waits for the version after this one; undefined after the end. */
function nextRequest(text: string): string | undefined {
  if (text.includes('#EXT-X-ENDLIST')) {
    return undefined;
  }
  const hint = /#EXT-X-PRELOAD-HINT:.*URI="(\d+)\.(\d+)\.m4s"/.exec(text);
  if (hint !== null) {
    return `_HLS_msn=${hint[1] ?? ''}&_HLS_part=${hint[2] ?? ''}`;
  }
  const first = Number(/#EXT-X-MEDIA-SEQUENCE:(\d+)/.exec(text)?.[1] ?? 0);
  const count = [...text.matchAll(/^[^#\n].*$/gm)].length;
  return `_HLS_msn=${first + count}`;
}

async function ask(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal });
  const text = await response.text();
  if (response.status !== 200) {
    throw new Error(`answered ${response.status} to ${new URL(url).search}`);
  }
  return text;
}

/** What is wrong with a version, by both parsers and, in low latency, by the rules. */
function judge(text: string, otherRenditions: number): string[] {
  const isDelta = text.includes('#EXT-X-SKIP');
  const rules = text.includes('#EXT-X-PART-INF') ? problemsOf(text, otherRenditions) : [];
  try {
    return [...rules, ...(isDelta ? [] : complaintsOf(text))];
  } catch (error) {
    return [...rules, `hls-parser: ${String(error)}`];
  }
}

/** Follows a media playlist by blocking reload until it ends or is told to stop. */
export async function followPlaylist(
  url: string,
  otherRenditions: number,
  signal: AbortSignal,
): Promise<Followed> {
  const followed: Followed = { url, versions: 0, deltas: 0, problems: new Map() };
  let before: string | undefined;
  let query: string | undefined = '';
  while (query !== undefined && !signal.aborted) {
    try {
      const text = await ask(query === '' ? url : `${url}?${query}`, signal);
      followed.versions += 1;
      note(followed, judge(text, otherRenditions));
      note(followed, before === undefined ? [] : changesAgainstRules(before, text));
      if (query !== '' && followed.versions % DELTA_EVERY === 0) {
        const delta = await ask(`${url}?${query}&_HLS_skip=YES`, signal);
        followed.deltas += 1;
        note(followed, judge(delta, otherRenditions));
        note(followed, before === undefined ? [] : changesAgainstRules(before, delta));
      }
      before = text;
      query = nextRequest(text);
    } catch (error) {
      if (!signal.aborted) {
        note(followed, [String(error)]);
      }
      return followed;
    }
  }
  return followed;
}

/** Rules of DESIGN §6 that a schema does not know: what may never change, and what a live manifest must have. */
function manifestProblems(before: string | undefined, text: string): string[] {
  const value = (of: string, name: string): string | undefined =>
    new RegExp(`\\b${name}="([^"]*)"`).exec(of)?.[1];
  const constant = ['availabilityStartTime', 'startNumber', 'timescale'].filter(
    (name) => before !== undefined && value(before, name) !== value(text, name),
  );
  return [
    ...constant.map((name) => `MPD: ${name} changed`),
    ...(/type="dynamic"/.test(text) && !/<UTCTiming/.test(text) ? ['MPD: no UTCTiming'] : []),
  ];
}

/**
 * Asks for a manifest ten times a second, until told to stop; each version once.
 * @param validate what is wrong with one by a schema
 */
export async function followManifest(
  url: string,
  validate: (text: string) => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<Followed> {
  const followed: Followed = { url, versions: 0, deltas: 0, problems: new Map() };
  let before: string | undefined;
  while (!signal.aborted) {
    try {
      const text = await ask(url, signal);
      if (text !== before) {
        followed.versions += 1;
        note(followed, [...manifestProblems(before, text), ...(await validate(text))]);
        before = text;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    } catch (error) {
      if (!signal.aborted) {
        note(followed, [String(error)]);
      }
      return followed;
    }
  }
  return followed;
}
