/** Which rendition of the picture is fetched: the viewer's choice, or what the way here carries, of those that are made. */
import { Congestion } from './congestion.ts';
import type { MadeRendition } from './manifest.ts';
import { RenditionChoice, type Candidate, type Situation } from './rendition-choice.ts';
import { Throughput, type Burst } from './throughput.ts';

/** What it asks for whenever it chooses. */
export interface Surroundings {
  /** Seconds of the shared clock. */
  readonly now: () => number;
  /** Pixels of the picture on the screen, in height. */
  readonly screenHeight: () => number;
}

/** Segments fetched whose rendition is remembered. */
const REMEMBERED = 60;

const candidateOf = ({ id, bandwidthBps, width, height }: MadeRendition): Candidate => ({
  id,
  bandwidthBps,
  height: Math.min(width, height),
});

/** See the head of this file. */
export class Renditions {
  readonly #surroundings: Surroundings;
  readonly #throughput = new Throughput();
  readonly #congestion = new Congestion();
  readonly #choice: RenditionChoice;
  /** Rendition of each segment in hand. */
  readonly #fetched = new Map<number, string>();
  readonly #soundBps: number;
  #offered: readonly MadeRendition[];
  /** Every rendition that was ever offered: what is in hand may be of one that is not made any more. */
  readonly #known = new Map<string, MadeRendition>();
  /** The rendition that was fetched last. */
  #newest: string | undefined;
  /** What the viewer asked for, also while it is not made. */
  #wanted: string | undefined;

  /**
   * @param offered not empty, the highest bandwidth first
   * @param soundBps what sound takes of the same network
   */
  constructor(offered: readonly MadeRendition[], soundBps: number, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#offered = offered;
    this.#note(offered);
    this.#soundBps = soundBps;
    this.#choice = new RenditionChoice(offered.map(candidateOf), soundBps, this.#situation());
  }

  /** Those that are made now. */
  get offered(): readonly MadeRendition[] {
    return this.#offered;
  }

  /** What the viewer wants of what is made; undefined: whatever suits. */
  get chosen(): string | undefined {
    return this.isOffered(this.#wanted ?? '') ? this.#wanted : undefined;
  }

  set chosen(id: string | undefined) {
    this.#wanted = this.isOffered(id ?? '') ? id : undefined;
    this.#follow();
  }

  /** Bits a second that the network could carry; undefined: not known. */
  get bitsPerSecond(): number | undefined {
    return this.#throughput.bitsPerSecond(this.#surroundings.now());
  }

  isOffered(id: string): boolean {
    return this.#offered.some((item) => item.id === id);
  }

  /**
   * Others are made from now on; what is not any more is no longer chosen, until it is made again.
   * @param offered not empty, the highest bandwidth first
   * @returns whether they are others
   */
  offer(offered: readonly MadeRendition[]): boolean {
    const isSame =
      offered.map(({ id }) => id).join(' ') === this.#offered.map(({ id }) => id).join(' ');
    this.#offered = offered;
    this.#note(offered);
    if (!isSame) {
      this.#choice.offer(offered.map(candidateOf), this.#situation());
      this.#follow();
    }
    return !isSame;
  }

  /** The rendition of the next segment. */
  next(): string {
    return this.chosen ?? this.#choice.next(this.#situation());
  }

  /**
   * A rendition that the network does not carry is to be left before its segment is over.
   * @returns the one to take in its place and the bits a second that come; undefined when all is well
   */
  escape(): { readonly rendition: MadeRendition; readonly flowBps: number } | undefined {
    const situation = this.#situation();
    if (this.chosen !== undefined || !this.#choice.isFailing(situation)) {
      return undefined;
    }
    const flowBps = this.#congestion.flow(situation.now, this.#sentBps()) ?? 0;
    const id = this.#choice.fail({ ...situation, throughputBps: flowBps });
    this.#congestion.forget();
    const rendition = this.#offered.find((item) => item.id === id);
    return rendition && { rendition, flowBps };
  }

  /** An edge knows of no such segment of a rendition, though it is said to be made: it is avoided for a while. */
  avoid(id: string): void {
    if (this.#choice.current === id) {
      this.#choice.fail({ ...this.#situation(), throughputBps: this.bitsPerSecond });
    }
  }

  /** Bytes have come. */
  chunk(bytes: number, isHalf: boolean): void {
    this.#congestion.chunk({ at: this.#surroundings.now(), bytes, isHalf });
  }

  burst(burst: Burst): void {
    const now = this.#surroundings.now();
    this.#throughput.note(now, burst);
    this.#congestion.burst(now, burst);
  }

  /** A fragment has come, so much later than is usual. */
  fragment(n: number, rendition: string, late: number): void {
    this.#congestion.fragment(this.#surroundings.now(), late);
    this.#newest = rendition;
    this.#fetched.delete(n);
    this.#fetched.set(n, rendition);
    for (const oldest of this.#fetched.keys()) {
      if (this.#fetched.size <= REMEMBERED) {
        break;
      }
      this.#fetched.delete(oldest);
    }
  }

  /** The rendition of a segment in hand. */
  of(n: number): MadeRendition | undefined {
    return this.#known.get(this.#fetched.get(n) ?? '');
  }

  /** What was in hand is let go of, and other connections are made. */
  forget(): void {
    this.#fetched.clear();
    this.#congestion.forget();
  }

  #note(offered: readonly MadeRendition[]): void {
    for (const item of offered) {
      this.#known.set(item.id, item);
    }
  }

  /** What the viewer wants is what is fetched, where it is made. */
  #follow(): void {
    const { chosen } = this;
    if (chosen !== undefined) {
      this.#choice.current = chosen;
    }
  }

  /** What is sent of sound and of the rendition that is fetched. */
  #sentBps(): number {
    const { bandwidthBps = 0 } = this.#known.get(this.#newest ?? '') ?? {};
    return bandwidthBps + this.#soundBps;
  }

  #situation(): Situation {
    const now = this.#surroundings.now();
    return {
      now,
      throughputBps: this.#throughput.bitsPerSecond(now),
      late: this.#congestion.late(now, this.#sentBps()),
      screenHeight: this.#surroundings.screenHeight(),
    };
  }
}
