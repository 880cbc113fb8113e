/** Everything that lies over the picture but the controls: messages, spinner, big buttons, the notice of a new broadcast. */
import { part, setIcon, setText } from './dom.ts';
import { messageFor } from './messages.ts';
import type { Session } from './session.ts';
import type { Sound } from './sound.ts';

/** Redraws when told. */
export interface Overlay {
  readonly update: () => void;
}

/** Shorter interruptions are not worth a spinner. */
const SPINNER_AFTER_MS = 400;

/** Binds the overlay's elements. */
export function createOverlay(
  root: HTMLElement,
  video: HTMLVideoElement,
  session: Session,
  sound: Sound,
): Overlay {
  const box = part(root, 'message', HTMLElement);
  const title = part(box, 'message-title', HTMLElement);
  const text = part(box, 'message-text', HTMLElement);
  const action = part(box, 'message-action', HTMLButtonElement);
  const spinner = part(root, 'spinner', HTMLElement);
  const unmute = part(root, 'unmute', HTMLButtonElement);
  const start = part(root, 'start', HTMLButtonElement);
  const notice = part(root, 'notice', HTMLElement);
  const join = part(notice, 'notice-action', HTMLButtonElement);
  const isKnown = !isPageMissing();
  let isWaiting = false;
  let needsGesture = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const setWaiting = (waiting: boolean): void => {
    clearTimeout(timer);
    if (!waiting) {
      isWaiting = false;
      update();
      return;
    }
    timer = setTimeout(() => {
      isWaiting = true;
      update();
    }, SPINNER_AFTER_MS);
  };
  const update = (): void => {
    const message = messageFor(session.state, {
      isOnline: navigator.onLine,
      isKnown,
      isReachable: session.isReachable,
    });
    box.hidden = message === undefined;
    if (message !== undefined) {
      setIcon(box, message.icon);
      setText(title, message.title);
      setText(text, message.text);
      action.hidden = message.action === undefined;
      setText(action, message.action?.label ?? '');
    }
    const isStarting = session.state === 'looking' || session.state === 'starting';
    start.hidden = !needsGesture || message !== undefined;
    spinner.hidden = message !== undefined || needsGesture || !(isStarting || isWaiting);
    unmute.hidden = !video.muted || session.engine === undefined || isStarting || needsGesture;
    notice.hidden = session.nextBroadcast === undefined;
  };

  video.addEventListener('waiting', () => {
    setWaiting(true);
  });
  for (const event of ['playing', 'pause', 'seeked', 'emptied'] as const) {
    video.addEventListener(event, () => {
      setWaiting(false);
    });
  }
  sound.onBlocked = () => {
    needsGesture = true;
    update();
  };
  video.addEventListener('play', () => {
    needsGesture = false;
    update();
  });
  video.addEventListener('volumechange', update);
  addEventListener('online', update);
  addEventListener('offline', update);
  action.addEventListener('click', () => {
    session.watchRecording();
  });
  join.addEventListener('click', () => {
    session.goToBroadcast();
  });
  unmute.addEventListener('click', () => {
    sound.toggle();
  });
  start.addEventListener('click', () => {
    void video.play().catch(() => undefined);
  });
  return { update };
}

const NOT_FOUND = 404;

/** Whether the page came with the word that there is no such channel; browsers that do not tell count as no. */
function isPageMissing(): boolean {
  const [visit] = performance.getEntriesByType('navigation');
  return visit instanceof PerformanceNavigationTiming && visit.responseStatus === NOT_FOUND;
}
