/** Keys, as other players have them. */
import type { Controls } from './controls.ts';
import type { Position } from './position.ts';
import type { Sound } from './sound.ts';

const SEEK_SECONDS = 10;
const VOLUME_STEP = 0.1;

/** Listens on the whole page. */
export function listenToKeys(
  video: HTMLVideoElement,
  controls: Controls,
  position: Position,
  sound: Sound,
): void {
  const actions: Readonly<Record<string, () => void>> = {
    k: controls.togglePlay,
    ' ': controls.togglePlay,
    m: sound.toggle,
    f: controls.toggleFullScreen,
    l: position.goLive,
    End: position.goLive,
    ArrowLeft: () => {
      position.seekBy(-SEEK_SECONDS);
    },
    ArrowRight: () => {
      position.seekBy(SEEK_SECONDS);
    },
    ArrowUp: () => {
      sound.setVolume((video.muted ? 0 : video.volume) + VOLUME_STEP);
    },
    ArrowDown: () => {
      sound.setVolume((video.muted ? 0 : video.volume) - VOLUME_STEP);
    },
  };
  document.addEventListener('keydown', (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = actions[key];
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey;
    if (action === undefined || hasModifier || event.defaultPrevented || isTaken(event, key)) {
      return;
    }
    event.preventDefault();
    action();
  });
}

/** Whether the focused element has its own use for the key. */
function isTaken({ target }: KeyboardEvent, key: string): boolean {
  if (!(target instanceof Element)) {
    return false;
  }
  if (target.closest('[role="menu"]') !== null) {
    return true;
  }
  // The seek bar's own steps would be parts of the window; ours are seconds.
  const isVolume = target.closest('media-volume-range') !== null;
  const isButton = target.closest('button, a, [role="button"]') !== null;
  return isVolume ? key.startsWith('Arrow') : isButton && key === ' ';
}
