/**
 * Fetches a track segment by segment as they grow, the next one's request held open ahead. What breaks off, falls silent
 * or belongs to an edge that has been left is asked for again, and goes on with the byte after the last whole fragment:
 * segments are the same to the byte wherever they come from.
 */
import { FragmentCutter, type Fragment } from './fragments.ts';
import type { Burst } from './throughput.ts';

/** A fragment as it comes. */
export interface Arrived extends Fragment {
  readonly n: number;
  readonly rendition: string;
  /** When it was here; seconds of the shared clock. */
  readonly at: number;
  /** Since when it would have been taken, had it been there: its request was open, and this track was being read. */
  readonly since: number;
  /** It came whole after silence: nothing was there to be read before it was made. */
  readonly isAwaited: boolean;
}

/** Of the edges, what is needed. */
export interface Edges {
  /** The same object at the edge in use. */
  readonly locate: (url: string) => string;
  /** Its edge answered that it cannot get the object. */
  readonly failed: (url: string) => void;
  /** A request broke off, or is silent. */
  readonly suspect: (url: string) => void;
}

/** What a reader needs. */
export interface TrackReaderOptions {
  readonly edges: Edges;
  readonly fetch: (url: string, init: { readonly signal: AbortSignal }) => Promise<Response>;
  /** Seconds of the shared clock. */
  readonly now: () => number;
  readonly urlOf: (rendition: string, n: number) => string;
  /** The rendition of a segment, asked before each request. */
  readonly choose: (n: number) => string;
  /** When fragment `k` of a segment should have come. */
  readonly dueAt: (n: number, k: number) => number;
  /** Whether a segment may be asked for already; once it may not, `wake` says when to look again. */
  readonly mayOpen: (n: number) => boolean;
  /** What must be there before a rendition's fragments are of use. */
  readonly prepare: (rendition: string) => Promise<void>;
  readonly onFragment: (fragment: Arrived) => void;
  /** @param isHalf the fragment that they end in is not whole */
  readonly onChunk: (bytes: number, isHalf: boolean) => void;
  readonly onBurst: (burst: Burst) => void;
  /** There is no such segment, as far as the edge knows. */
  readonly onMissing: (n: number, rendition: string) => void;
  /** Nothing has worked for so many seconds. */
  readonly onTrouble: (seconds: number, reason: string) => void;
  readonly delay: (ms: number) => Promise<void>;
}

interface Opened {
  readonly n: number;
  readonly rendition: string;
  readonly url: string;
  readonly at: number;
  readonly abort: AbortController;
  readonly response: Promise<Response>;
}

/** Silence between chunks that is none of the network's, seconds. */
const SILENCE = 0.015;
/** What was there already when reading began has come after so long. */
const BACKLOG = 1.5;
/** An answer that is silent for so long after its fragment was due: the edge is asked for a sign of life. Seconds. */
const SUSPECT = 0.8;
/** And after so long it is asked for again, whatever the edge says. */
const GIVE_UP = 2.5;
/** The first attempt again comes at once: another edge may be in use by then. */
const FIRST_RETRY_MS = 40;
const LONGEST_RETRY_MS = 1_000;
const BAD_GATEWAY = 502;
const NOT_FOUND = 404;

/** See the head of this file. */
export class TrackReader {
  readonly #options: TrackReaderOptions;
  /** Tells a loop that was replaced. */
  #turn = 0;
  #n = 0;
  #current: Opened | undefined;
  #held: Opened | undefined;
  #cutter = new FragmentCutter();
  #heard = 0;
  /** When the first answer since the last start was there. */
  #readingSince: number | undefined;
  #suspected: Opened | undefined;
  #wake: (() => void) | undefined;

  constructor(options: TrackReaderOptions) {
    this.#options = options;
  }

  /** The segment being read. */
  get n(): number {
    return this.#n;
  }

  /** Its next fragment. */
  get k(): number {
    return this.#cutter.count;
  }

  /** The rendition that is asked for; undefined while none is. */
  get rendition(): string | undefined {
    return this.#current?.rendition;
  }

  /** Reads from the beginning of a segment on, instead of what it reads now. */
  start(n: number): void {
    this.stop();
    this.#n = n;
    void this.#run(this.#turn);
  }

  /** Lets go of every request. */
  stop(): void {
    this.#turn += 1;
    this.#current?.abort.abort();
    this.#held?.abort.abort();
    this.#current = undefined;
    this.#held = undefined;
    this.#cutter = new FragmentCutter();
    this.#readingSince = undefined;
    this.#wake?.();
  }

  /** To be called some times a second: looks for silence, and whether more may be asked for. */
  look(): void {
    this.#wake?.();
    const { edges, dueAt, now } = this.#options;
    const current = this.#current;
    if (current === undefined) {
      return;
    }
    if (this.#cutter.count > 0) {
      this.#openAhead(current.n + 1);
    }
    const silent = now() - Math.max(dueAt(current.n, this.#cutter.count), this.#heard, current.at);
    if (silent > SUSPECT && this.#suspected !== current) {
      this.#suspected = current;
      edges.suspect(current.url);
    }
    const isElsewhere = edges.locate(current.url) !== current.url;
    if (silent > GIVE_UP || (isElsewhere && silent > 0)) {
      current.abort.abort();
    }
  }

  async #run(turn: number): Promise<void> {
    while (turn === this.#turn) {
      if (!(await this.#allowed(turn))) {
        return;
      }
      await this.#segment(turn);
      if (turn === this.#turn) {
        this.#n += 1;
        this.#cutter = new FragmentCutter();
      }
    }
  }

  async #allowed(turn: number): Promise<boolean> {
    while (turn === this.#turn && !this.#options.mayOpen(this.#n)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return turn === this.#turn;
  }

  #open(n: number, rendition: string): Opened {
    const { fetch, urlOf, edges, now } = this.#options;
    const abort = new AbortController();
    const url = edges.locate(urlOf(rendition, n));
    const response = fetch(url, { signal: abort.signal });
    // Whoever reads it sees the error; one held ahead may be let go of unread.
    response.catch(() => undefined);
    return { n, rendition, url, at: now(), abort, response };
  }

  /** One segment, whatever it takes. */
  async #segment(turn: number): Promise<void> {
    const { edges, now, choose, delay, onMissing, onTrouble } = this.#options;
    let failedSince: number | undefined;
    let retry = FIRST_RETRY_MS;
    while (turn === this.#turn) {
      const n = this.#n;
      const before = this.#cutter.taken;
      // What has begun goes on as it was: the rest of a segment has no start point.
      const rendition = before > 0 ? (this.#current?.rendition ?? choose(n)) : choose(n);
      const held = this.#held;
      this.#held = undefined;
      const isHeld =
        held?.n === n && held.rendition === rendition && edges.locate(held.url) === held.url;
      if (held !== undefined && !isHeld) {
        held.abort.abort();
      }
      const opened = held !== undefined && isHeld ? held : this.#open(n, rendition);
      this.#current = opened;
      let reason = 'broken off';
      try {
        await this.#options.prepare(rendition);
        const response = await opened.response;
        if (response.ok && response.body !== null) {
          await this.#read(turn, opened, response.body, before);
          return;
        }
        reason = `status ${response.status}`;
        response.body?.cancel().catch(() => undefined);
        if (turn !== this.#turn) {
          return;
        }
        if (response.status === BAD_GATEWAY) {
          edges.failed(opened.url);
        } else if (response.status === NOT_FOUND) {
          onMissing(n, rendition);
          if (before > 0) {
            // It was left off in the middle: another is read from the segment's beginning, where it has a start point.
            this.#cutter = new FragmentCutter();
          }
        }
      } catch (error) {
        reason = error instanceof Error ? error.message : reason;
        if (turn !== this.#turn) {
          return;
        }
        if (!opened.abort.signal.aborted) {
          edges.suspect(opened.url);
        }
      }
      this.#cutter.rewind();
      if (this.#cutter.taken > before) {
        failedSince = undefined;
        retry = FIRST_RETRY_MS;
      }
      failedSince ??= now();
      onTrouble(now() - failedSince, reason);
      await delay(retry);
      retry = Math.min(LONGEST_RETRY_MS, retry * 2);
    }
  }

  async #read(
    turn: number,
    opened: Opened,
    body: ReadableStream<Uint8Array>,
    known: number,
  ): Promise<void> {
    const { now, onFragment, onChunk, onBurst } = this.#options;
    const { n, rendition } = opened;
    this.#readingSince ??= now();
    const since = Math.max(opened.at, this.#readingSince);
    const reader = body.getReader();
    let skip = known;
    /** Of the fragment that is coming: when its first bytes came, and how many came after them. */
    let burst: { readonly from: number; bytes: number } | undefined;
    for (let isFirst = true; ; isFirst = false) {
      const asked = now();
      const wasWhole = this.#cutter.rest === 0;
      const { done, value } = await reader.read();
      if (turn !== this.#turn || opened.abort.signal.aborted) {
        throw new Error('let go');
      }
      if (done) {
        break;
      }
      const time = now();
      this.#heard = time;
      const chunk = value.subarray(Math.min(skip, value.byteLength));
      skip -= value.byteLength - chunk.byteLength;
      const fragments = this.#cutter.push(chunk);
      const isAwaited =
        !isFirst &&
        wasWhole &&
        time - asked > SILENCE &&
        asked - (this.#readingSince ?? asked) > BACKLOG;
      onChunk(value.byteLength, this.#cutter.rest > 0);
      if (burst !== undefined) {
        burst.bytes += value.byteLength;
      }
      if (this.#cutter.rest === 0 || fragments.length > 0) {
        if (burst !== undefined) {
          onBurst({ bytes: burst.bytes, seconds: time - burst.from });
        }
        burst = undefined;
      }
      if (this.#cutter.rest > 0) {
        burst ??= { from: time, bytes: 0 };
      }
      for (const fragment of fragments) {
        onFragment({ ...fragment, n, rendition, at: time, since, isAwaited });
        if (turn !== this.#turn) {
          throw new Error('let go');
        }
      }
      this.#openAhead(n + 1);
    }
    if (this.#cutter.rest > 0) {
      throw new Error('ends within a fragment');
    }
  }

  /** The next segment's request waits at the edge for its first fragment. */
  #openAhead(n: number): void {
    const { mayOpen, choose } = this.#options;
    if (this.#held === undefined && mayOpen(n)) {
      this.#held = this.#open(n, choose(n));
    }
  }
}
