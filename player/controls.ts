/** The controls: media-chrome's elements, bound to a session; and what buttons and keys share. */
import 'media-chrome/media-control-bar.js';
import 'media-chrome/media-controller.js';
import 'media-chrome/media-fullscreen-button.js';
import 'media-chrome/media-live-button.js';
import 'media-chrome/media-mute-button.js';
import 'media-chrome/media-play-button.js';
import 'media-chrome/media-time-range.js';
import 'media-chrome/media-volume-range.js';
import 'media-chrome/menu/media-rendition-menu.js';
import 'media-chrome/menu/media-settings-menu-button.js';
import 'media-chrome/menu/media-settings-menu-item.js';
import 'media-chrome/menu/media-settings-menu.js';
import MediaController from 'media-chrome/media-controller.js';
import type { ChromeStore } from './chrome-store.ts';
import { part, setText } from './dom.ts';
import { bindEngineMenu } from './engine-menu.ts';
import type { Position } from './position.ts';
import type { Session } from './session.ts';
import { formatDuration } from './timeline.ts';

/** What keys do, and redrawing. */
export interface Controls {
  readonly update: () => void;
  readonly togglePlay: () => void;
  readonly toggleFullScreen: () => void;
}

/** Binds the controls. */
export function createControls(
  root: HTMLElement,
  video: HTMLVideoElement,
  session: Session,
  position: Position,
  chrome: ChromeStore,
): Controls {
  const controller = part(root, 'controller', MediaController);
  const live = part(root, 'live', HTMLElement);
  const time = part(root, 'time', HTMLElement);
  const tip = part(root, 'seek-tip', HTMLElement);
  const engineMenu = bindEngineMenu(root, session);
  controller.mediaStore = chrome.store;
  nameMenus(root);

  const timeText = (): string => {
    const range = position.stretch();
    if (range === undefined) {
      return '';
    }
    if (!session.isLive) {
      const length = formatDuration(range.end - range.start);
      return `${formatDuration(video.currentTime - range.start)} / ${length}`;
    }
    const latency = position.latency();
    if (position.isAtLive()) {
      return latency === undefined ? '' : `${latency.toFixed(1)} s`;
    }
    return `-${formatDuration(position.behind())}`;
  };
  // `-3:07` before live, `12:34` from the start of a recording.
  controller.addEventListener('mediapreviewrequest', (event) => {
    const range = position.stretch();
    const seconds = event instanceof CustomEvent ? Number(event.detail) : Number.NaN;
    if (range !== undefined && event instanceof CustomEvent && event.detail !== null) {
      setText(
        tip,
        session.isLive
          ? `-${formatDuration(range.end - range.start - seconds)}`
          : formatDuration(seconds),
      );
    }
  });
  const request = (type: string): void => {
    chrome.store.dispatch({ type });
  };
  return {
    update: () => {
      chrome.update();
      engineMenu.update();
      live.hidden = !session.isLive;
      setText(time, timeText());
    },
    togglePlay: () => {
      if (session.engine !== undefined) {
        request(video.paused ? 'mediaplayrequest' : 'mediapauserequest');
      }
    },
    toggleFullScreen: () => {
      const isFull = chrome.store.getState().mediaIsFullscreen === true;
      request(isFull ? 'mediaexitfullscreenrequest' : 'mediaenterfullscreenrequest');
    },
  };
}

/**
 * A menu without a name of its own is only "menu" to those who hear the page; and the way back, an item of the menu
 * like the others, says that it is one.
 */
function nameMenus(root: HTMLElement): void {
  for (const menu of root.querySelectorAll('[data-name]')) {
    menu.setAttribute('aria-label', menu.getAttribute('data-name') ?? '');
    menu.shadowRoot?.querySelector('button[part~="back"]')?.setAttribute('role', 'menuitem');
  }
}
