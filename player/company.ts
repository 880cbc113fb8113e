/** What engines agree on that play together, several pictures and one sound. */

/** See the head of this file. */
export interface Company {
  /** The one track that this one plays. */
  readonly track: 'picture' | 'sound';
  /**
   * The distance from the clock that all of them hold.
   * @param needed what this one needs, seconds
   */
  readonly agree: (needed: number) => number;
  /** What they hold already, for one that has not seen what it needs; 0 where it is the first. */
  readonly held: () => number;
  /** It needs none any more. */
  readonly leave: () => void;
  /** Of the pixels that its picture covers, the share that is worth fetching. */
  readonly detail: () => number;
}
