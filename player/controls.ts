/** The bar of controls: play, sound, live, settings, full screen. */
import { part, setIcon, setLabel, setText } from './dom.ts';
import type { Position } from './position.ts';
import type { Session } from './session.ts';
import type { Sound } from './sound.ts';
import { formatDuration } from './timeline.ts';

/** What buttons and keys share. */
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
  sound: Sound,
): Controls {
  const play = part(root, 'play', HTMLButtonElement);
  const mute = part(root, 'mute', HTMLButtonElement);
  const volume = part(root, 'volume', HTMLInputElement);
  const live = part(root, 'live', HTMLButtonElement);
  const liveWord = part(live, 'live-word', HTMLElement);
  const time = part(root, 'time', HTMLElement);
  const full = part(root, 'full-screen', HTMLButtonElement);

  const togglePlay = (): void => {
    if (session.engine === undefined) {
      return;
    }
    if (video.paused) {
      void video.play().catch(() => undefined);
    } else {
      video.pause();
    }
  };
  const toggleFullScreen = (): void => {
    const change =
      document.fullscreenElement === null
        ? enterFullScreen(root, video)
        : document.exitFullscreen();
    change.catch(() => undefined);
  };
  const updateLive = (): void => {
    const atLive = position.isAtLive() && !video.paused;
    live.hidden = !session.isLive;
    live.classList.toggle('is-live', atLive);
    setText(liveWord, atLive ? 'Live' : 'Go live');
    setLabel(live, atLive ? 'You are watching live' : 'Go to live');
    setText(time, timeText());
  };
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
  const update = (): void => {
    const isSilent = video.muted || video.volume === 0;
    setIcon(play, video.paused ? 'play' : 'pause');
    setLabel(play, video.paused ? 'Play (k)' : 'Pause (k)');
    setIcon(mute, isSilent ? 'muted' : 'sound');
    setLabel(mute, isSilent ? 'Sound on (m)' : 'Sound off (m)');
    const level = isSilent ? 0 : video.volume;
    volume.value = String(Math.round(level * 100));
    volume.style.setProperty('--played', level.toFixed(2));
    const isFull = document.fullscreenElement !== null;
    setIcon(full, isFull ? 'shrink' : 'expand');
    setLabel(full, isFull ? 'Leave full screen (f)' : 'Full screen (f)');
    updateLive();
  };

  play.addEventListener('click', togglePlay);
  full.addEventListener('click', toggleFullScreen);
  mute.addEventListener('click', sound.toggle);
  live.addEventListener('click', position.goLive);
  volume.addEventListener('input', () => {
    sound.setVolume(Number(volume.value) / 100);
  });
  document.addEventListener('fullscreenchange', update);
  for (const event of ['play', 'pause', 'volumechange', 'seeked'] as const) {
    video.addEventListener(event, update);
  }
  return { update, togglePlay, toggleFullScreen };
}

/** iPhones let only the element itself fill the screen. */
async function enterFullScreen(root: HTMLElement, video: HTMLVideoElement): Promise<void> {
  if (document.fullscreenEnabled) {
    await root.requestFullscreen();
  } else if (
    'webkitEnterFullscreen' in video &&
    typeof video.webkitEnterFullscreen === 'function'
  ) {
    video.webkitEnterFullscreen();
  }
}
