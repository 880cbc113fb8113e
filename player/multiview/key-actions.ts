/** What keys do on the page of several channels. Pure. */
import type { Direction } from './layout.ts';

/** What keys do. */
export interface Actions {
  /** @param index from 0 */
  readonly choose: (index: number) => void;
  readonly go: (direction: Direction) => void;
  readonly toggleSound: () => void;
  readonly toggleFullScreen: () => void;
  readonly toggleLayout: () => void;
  readonly togglePlay: () => void;
  /** Back to all of one size, or out of full screen. */
  readonly leave: () => void;
}

/**
 * The action of a key; undefined: none of ours.
 * @param key as `KeyboardEvent.key` names it, letters small
 */
export function actionOf(key: string, actions: Actions): (() => void) | undefined {
  switch (key) {
    case 'ArrowLeft':
      return () => {
        actions.go('left');
      };
    case 'ArrowRight':
      return () => {
        actions.go('right');
      };
    case 'ArrowUp':
      return () => {
        actions.go('up');
      };
    case 'ArrowDown':
      return () => {
        actions.go('down');
      };
    case 'm':
      return actions.toggleSound;
    case 'f':
      return actions.toggleFullScreen;
    case 'l':
      return actions.toggleLayout;
    case 'k':
    case ' ':
      return actions.togglePlay;
    case 'Escape':
      return actions.leave;
    default:
      return /^[1-9]$/.test(key)
        ? () => {
            actions.choose(Number(key) - 1);
          }
        : undefined;
  }
}
