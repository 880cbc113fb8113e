/** The way of an engine's requests to the edge in use. */

/** What engines need of the edges. */
export interface EdgeRoute {
  /** The same object at the edge in use. */
  readonly locate: (url: string) => string;
  /** Its edge answered that it cannot get the object. */
  readonly failed: (url: string) => void;
  /** A request broke off: its edge is asked for a sign of life, and left if it gives none. */
  readonly suspect: (url: string) => void;
  /** A request begins: an edge that stays silent is suspected. Returns how to tell that it has answered. */
  readonly watch: (url: string) => () => void;
}
