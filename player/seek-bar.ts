/** The bar over everything that can be watched, from the start of the DVR window to live. */
import { part, setText } from './dom.ts';
import type { Position } from './position.ts';
import type { Session } from './session.ts';
import { formatDuration, fractionOf, speakDuration, timeAt } from './timeline.ts';

/** Steps of the underlying range input. */
const STEPS = 10_000;
/** Shorter than this there is nowhere to go. */
const SHORTEST_SECONDS = 4;

/** Redraws when told. */
export interface SeekBar {
  readonly update: () => void;
}

/** Binds the bar. */
export function createSeekBar(
  root: HTMLElement,
  video: HTMLVideoElement,
  session: Session,
  position: Position,
): SeekBar {
  const bar = part(root, 'seek', HTMLElement);
  const input = part(root, 'seek-input', HTMLInputElement);
  const tip = part(root, 'seek-tip', HTMLElement);
  let isDragging = false;

  /** `-3:07` before live, `12:34` from the start of a recording. */
  const nameOf = (time: number): string => {
    const range = position.stretch();
    if (range === undefined) {
      return '';
    }
    return session.isLive
      ? `-${formatDuration(range.end - time)}`
      : formatDuration(time - range.start);
  };
  const update = (): void => {
    const range = position.stretch();
    const isUseful = range !== undefined && range.end - range.start >= SHORTEST_SECONDS;
    bar.hidden = !isUseful;
    if (range === undefined || !isUseful || isDragging) {
      return;
    }
    // Live is the right end: a viewer there should not see a knob that trembles with the latency.
    const fraction = position.isAtLive() ? 1 : fractionOf(range, video.currentTime);
    input.value = String(Math.round(fraction * STEPS));
    bar.style.setProperty('--played', fraction.toFixed(4));
    bar.style.setProperty('--buffered', fractionOf(range, bufferedEnd(video)).toFixed(4));
    input.setAttribute('aria-valuetext', spoken(range.end - range.start, fraction));
  };
  const spoken = (length: number, fraction: number): string => {
    if (!session.isLive) {
      return `${speakDuration(length * fraction)} of ${speakDuration(length)}`;
    }
    return position.isAtLive() ? 'live' : `${speakDuration(position.behind())} behind live`;
  };
  const showTip = (fraction: number): void => {
    const range = position.stretch();
    if (range !== undefined) {
      bar.style.setProperty('--tip', fraction.toFixed(4));
      setText(tip, nameOf(timeAt(range, fraction)));
    }
  };

  input.max = String(STEPS);
  input.addEventListener('pointerdown', () => {
    isDragging = true;
  });
  input.addEventListener('input', () => {
    const fraction = Number(input.value) / STEPS;
    bar.style.setProperty('--played', fraction.toFixed(4));
    showTip(fraction);
    const range = position.stretch();
    if (range !== undefined && !isDragging) {
      position.seekTo(timeAt(range, fraction));
    }
  });
  input.addEventListener('change', () => {
    isDragging = false;
    const range = position.stretch();
    if (range !== undefined) {
      position.seekTo(timeAt(range, Number(input.value) / STEPS));
    }
  });
  addEventListener('pointerup', () => {
    isDragging = false;
  });
  bar.addEventListener('pointermove', (event) => {
    const box = input.getBoundingClientRect();
    showTip(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  });
  return { update };
}

/** End of what has been loaded around the picture. */
function bufferedEnd(video: HTMLVideoElement): number {
  const { buffered, currentTime } = video;
  for (let index = 0; index < buffered.length; index += 1) {
    if (buffered.start(index) <= currentTime + 0.1 && currentTime <= buffered.end(index)) {
      return buffered.end(index);
    }
  }
  return currentTime;
}
