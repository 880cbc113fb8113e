/** Starts playback as browsers allow it: muted unless the viewer wanted sound before, and asks for a click if even that is refused. */
import { preferredVolume, rememberSound, rememberVolume, wantsSound } from './preferences.ts';

/** Volume and mute. */
export interface Sound {
  readonly toggle: () => void;
  readonly setMuted: (muted: boolean) => void;
  readonly setVolume: (volume: number) => void;
  /** The browser refuses to start without a click. */
  onBlocked: () => void;
}

/** Takes charge of the element's sound and of its automatic start. */
export function createSound(video: HTMLVideoElement): Sound {
  video.volume = preferredVolume();
  video.muted = !wantsSound();
  video.autoplay = true;
  const sound: Sound = {
    toggle: () => {
      sound.setMuted(!video.muted);
    },
    setMuted: (muted) => {
      video.muted = muted;
      if (!muted && video.volume === 0) {
        video.volume = preferredVolume();
      }
      rememberSound(!muted);
    },
    setVolume: (volume) => {
      const value = Math.min(1, Math.max(0, volume));
      video.muted = value === 0;
      if (value > 0) {
        video.volume = value;
        rememberVolume(value);
      }
      rememberSound(value > 0);
    },
    onBlocked: () => undefined,
  };
  const play = async (): Promise<void> => {
    try {
      await video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') {
        return;
      }
      if (video.muted) {
        sound.onBlocked();
      } else {
        video.muted = true;
        await play();
      }
    }
  };
  let isFresh = true;
  video.addEventListener('emptied', () => {
    isFresh = true;
  });
  video.addEventListener('canplay', () => {
    if (isFresh && video.paused) {
      void play();
    }
    isFresh = false;
  });
  return sound;
}
