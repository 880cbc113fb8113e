/** The pictures of several channels: which is chosen, where they lie, and what viewers do to them. */
import { part, setIcon, setText } from '../dom.ts';
import type { Actions } from './key-actions.ts';
import { arrange, neighbour, type Arrangement, type Room } from './layout.ts';
import type { SoundDesk } from './sound-desk.ts';
import type { Tile } from './tile.ts';

/** See the head of this file. */
export interface Stage extends Actions {
  readonly chosen: () => number;
  readonly isLarge: () => boolean;
  /** Of the pixels of its picture, the share that is worth fetching of a tile: all of them where viewers look. */
  readonly detailOf: (index: number) => number;
  readonly update: () => void;
}

/** A small picture beside the one that is looked at may be a little soft. */
const DETAIL_OF_OTHERS = 0.7;
/** What is left of the window for the page's head and the lines under the pictures, and where buttons and title take more lines. */
const HEAD_AND_LINES = { wide: 200, narrow: 236 };
/** Narrower windows have no margins, as in the page's style. */
const NARROW = 720;
/** A phone on its side: the pictures first, the rest by scrolling. */
const LOW = 520;
const SMALLEST: Room = { width: 280, height: 160 };
/** Without a move of the pointer or a key for so long, nothing lies over the pictures in full screen. */
const IDLE_MS = 3_000;

/** Puts the tiles on the stage, and binds its buttons. */
export function createStage(root: HTMLElement, tiles: readonly Tile[], desk: SoundDesk): Stage {
  const stage = part(root, 'stage', HTMLElement);
  const soundButton = part(root, 'sound', HTMLButtonElement);
  const layoutButton = part(root, 'layout', HTMLButtonElement);
  const fullButton = part(root, 'full-screen', HTMLButtonElement);
  const unmute = part(root, 'unmute', HTMLButtonElement);
  const start = part(root, 'start', HTMLButtonElement);
  let chosen = 0;
  let isLarge = false;
  let arrangement: Arrangement | undefined;
  stage.append(...tiles.map(({ element }) => element));

  const isFull = (): boolean => document.fullscreenElement === root;
  const place = (): void => {
    const room = roomIn(document.documentElement.clientWidth, innerHeight, isFull());
    arrangement = arrange(tiles.length, room, isLarge ? chosen : undefined);
    stage.style.width = `${arrangement.width}px`;
    stage.style.height = `${arrangement.height}px`;
    document.documentElement.style.setProperty('--stage', `${arrangement.width}px`);
    arrangement.boxes.forEach((box, i) => {
      const element = tiles[i]?.element;
      if (element !== undefined) {
        element.style.translate = `${box.x}px ${box.y}px`;
        element.style.width = `${box.width}px`;
        element.style.height = `${box.height}px`;
      }
    });
  };
  const update = (): void => {
    const hasFocus = tiles.some(({ pick }) => pick === document.activeElement);
    tiles.forEach((tile, i) => {
      const isChosen = i === chosen;
      tile.update({ isChosen, hasSound: isChosen && desk.isOn(), isFocusable: isChosen });
    });
    if (hasFocus) {
      tiles[chosen]?.pick.focus();
    }
    desk.follow(tiles[chosen], tiles);
    name(soundButton, desk.isOn() ? 'sound' : 'muted', desk.isOn() ? 'Mute' : 'Turn sound on');
    name(layoutButton, isLarge ? 'equal' : 'large', isLarge ? 'All alike' : 'One large');
    name(
      fullButton,
      isFull() ? 'shrink' : 'expand',
      isFull() ? 'Leave full screen' : 'Full screen',
    );
    const isAnyPlaying = tiles.some(({ session }) => session.engine !== undefined);
    unmute.hidden = desk.isOn() || desk.hasBeenAsked() || !isAnyPlaying;
    // It lies over the picture whose sound it turns on.
    const home = tiles[chosen]?.element;
    if (home !== undefined && unmute.parentElement !== home) {
      home.append(unmute);
    }
    const isAnyLive = tiles.some(({ session }) => session.isLive);
    start.hidden = !isAnyLive || tiles.some(({ video }) => !video.paused);
  };
  const choose = (index: number): void => {
    if (tiles[index] === undefined) {
      return;
    }
    chosen = index;
    if (!desk.hasBeenAsked()) {
      desk.set(true);
    }
    place();
    update();
  };
  const togglePlay = (): void => {
    const playing = tiles.filter(({ video }) => !video.paused);
    for (const { video } of playing) {
      video.pause();
    }
    if (playing.length === 0) {
      for (const { session, video } of tiles) {
        const live = session.engine?.livePosition();
        if (live !== undefined) {
          session.engine?.seek(live);
        }
        void video.play().catch(() => undefined);
      }
    }
    update();
  };
  const toggleSound = (): void => {
    desk.set(!desk.isOn());
  };
  const toggleLayout = (): void => {
    isLarge = !isLarge;
    place();
    update();
  };
  const toggleFullScreen = (): void => {
    const done = isFull() ? document.exitFullscreen() : root.requestFullscreen();
    done.catch(() => undefined);
  };

  tiles.forEach(({ pick }, i) => {
    pick.addEventListener('click', () => {
      choose(i);
    });
  });
  soundButton.addEventListener('click', toggleSound);
  unmute.addEventListener('click', toggleSound);
  layoutButton.addEventListener('click', toggleLayout);
  fullButton.addEventListener('click', toggleFullScreen);
  start.addEventListener('click', togglePlay);
  addEventListener('resize', place);
  document.addEventListener('fullscreenchange', () => {
    place();
    update();
  });
  watchIdle(root);
  place();

  return {
    chosen: () => chosen,
    isLarge: () => isLarge,
    detailOf: (index) => (index === chosen ? 1 : DETAIL_OF_OTHERS),
    update,
    choose,
    go: (direction) => {
      choose(neighbour(arrangement?.boxes ?? [], chosen, direction));
    },
    toggleSound,
    toggleFullScreen,
    toggleLayout,
    togglePlay,
    leave: () => {
      if (isFull()) {
        toggleFullScreen();
      } else if (isLarge) {
        toggleLayout();
      }
    },
  };
}

/** What a window leaves for the pictures. */
function roomIn(width: number, height: number, isFull: boolean): Room {
  const isNarrow = width <= NARROW;
  const isBare = isFull || (height <= LOW && width > height);
  const lines = isBare ? 0 : isNarrow ? HEAD_AND_LINES.narrow : HEAD_AND_LINES.wide;
  return {
    width: Math.max(SMALLEST.width, width - (isBare || isNarrow ? 0 : 48)),
    height: Math.max(SMALLEST.height, height - lines),
  };
}

/** Gives a button its icon and its words. */
function name(button: HTMLElement, icon: string, words: string): void {
  setIcon(button, icon);
  setText(part(button, 'word', HTMLElement), words);
}

function watchIdle(root: HTMLElement): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wake = (): void => {
    clearTimeout(timer);
    root.removeAttribute('data-idle');
    timer = setTimeout(() => {
      root.setAttribute('data-idle', '');
    }, IDLE_MS);
  };
  for (const event of ['pointermove', 'pointerdown', 'keydown'] as const) {
    addEventListener(event, wake);
  }
  wake();
}
