/** Keys of the page of several channels. */
import { actionOf, type Actions } from './key-actions.ts';

/** Listens on the whole page. */
export function listenToKeys(actions: Actions): void {
  document.addEventListener('keydown', (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    const action = actionOf(key, actions);
    if (action === undefined || hasModifier || event.defaultPrevented || isTaken(event, key)) {
      return;
    }
    event.preventDefault();
    action();
  });
}

/** A focused button or link is pressed by the space bar; of a channel, that chooses it. */
const isTaken = ({ target }: KeyboardEvent, key: string): boolean =>
  key === ' ' && target instanceof Element && target.closest('button, a') !== null;
