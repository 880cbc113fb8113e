/** The line under the pictures: how far behind the pitch they are, and whether all show the same moment. */
import { part, setText } from '../dom.ts';
import { statusText } from './status-text.ts';
import type { Tile } from './tile.ts';

/** Digits that change four times a second cannot be read. */
const LATENCY_MS = 1_000;
/** Redraws when told. */
export interface Status {
  readonly update: () => void;
}

/** Binds the line and its badge. */
export function createStatus(root: ParentNode, tiles: readonly Tile[], now: () => number): Status {
  const badge = part(root, 'badge', HTMLElement);
  const facts = part(root, 'facts', HTMLElement);
  let next = 0;
  return {
    update: () => {
      const isLive = tiles.some(({ session }) => session.isLive);
      badge.classList.toggle('is-live', isLive);
      setText(badge, isLive ? 'Live' : 'Off air');
      const time = performance.now();
      if (time >= next) {
        next = time + LATENCY_MS;
        setText(
          facts,
          statusText(
            tiles.flatMap((tile) => tile.pictureTime() ?? []),
            now(),
          ),
        );
      }
    },
  };
}
