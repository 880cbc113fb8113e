/** One channel among several: its picture, and what is said in its place while there is none. */
import { pagePath } from '#common/contracts/delivery';
import { part, setIcon, setText } from '../dom.ts';
import type { Edges } from '../edges.ts';
import type { Company } from '../company.ts';
import { messageFor } from '../messages.ts';
import { createPoster } from '../poster.ts';
import type { ServerClock } from '../server-clock.ts';
import { Session } from '../session.ts';
import { titleOf } from '../timeline.ts';

/** What a tile is made of. */
export interface TileOptions {
  readonly channel: string;
  /** From 0; people count from 1. */
  readonly index: number;
  readonly template: HTMLTemplateElement;
  readonly edges: Edges;
  readonly clock: ServerClock;
  readonly company: Company;
  readonly onChange: () => void;
}

/** What the page shows of it. */
export interface TileLook {
  readonly isChosen: boolean;
  readonly hasSound: boolean;
  readonly isFocusable: boolean;
}

/** See the head of this file. */
export interface Tile {
  readonly channel: string;
  readonly element: HTMLElement;
  readonly video: HTMLVideoElement;
  readonly session: Session;
  /** Chooses it. */
  readonly pick: HTMLButtonElement;
  /** Wall-clock time of its picture, milliseconds; undefined while there is none that is live. */
  readonly pictureTime: () => number | undefined;
  readonly update: (look: TileLook) => void;
}

/** Shorter interruptions are not worth a spinner. */
const SPINNER_AFTER_MS = 400;
/** Whether a channel exists is asked again while it seems not to. */
const KNOWN_AGAIN_MS = 10_000;

/** Makes one; the session begins when it is told to. */
export function createTile(options: TileOptions): Tile {
  const { channel, index, template, edges, clock, company, onChange } = options;
  const element = part(template.content, 'tile', HTMLElement).cloneNode(true);
  if (!(element instanceof HTMLElement)) {
    throw new TypeError('the tile is no element');
  }
  const video = part(element, 'video', HTMLVideoElement);
  const pick = part(element, 'pick', HTMLButtonElement);
  const message = part(element, 'message', HTMLElement);
  const title = part(element, 'message-title', HTMLElement);
  const text = part(element, 'message-text', HTMLElement);
  const spinner = part(element, 'spinner', HTMLElement);
  const name = titleOf(channel);
  video.muted = true;
  video.autoplay = true;
  setText(part(element, 'number', HTMLElement), String(index + 1));
  setText(part(element, 'name', HTMLElement), name);

  const session = new Session({
    video,
    channel,
    engine: undefined,
    edges,
    now: clock.now,
    clockReady: clock.ready,
    company,
    onChange,
  });
  const poster = createPoster(video, session, channel, edges);
  const existence = watchExistence(channel, onChange);
  const waiting = watchWaiting(video, onChange);

  return {
    channel,
    element,
    video,
    session,
    pick,
    pictureTime: () => (session.isLive ? session.engine?.pictureTime() : undefined),
    update: ({ isChosen, hasSound, isFocusable }) => {
      const { state } = session;
      existence.look(state === 'waiting');
      const said = messageFor(state, {
        isOnline: navigator.onLine,
        isKnown: existence.isKnown(),
        isReachable: session.isReachable,
      });
      element.dataset['state'] = state;
      element.toggleAttribute('data-chosen', isChosen);
      element.toggleAttribute('data-sound', hasSound);
      message.hidden = said === undefined;
      if (said !== undefined) {
        setIcon(message, said.icon);
        setText(title, said.title);
        setText(text, said.text);
      }
      const isStarting = state === 'looking' || state === 'starting';
      spinner.hidden = said !== undefined || !(isStarting || waiting.isWaiting());
      setIcon(part(element, 'mark', SVGElement), hasSound ? 'sound' : 'muted');
      pick.setAttribute('aria-checked', String(isChosen));
      pick.tabIndex = isFocusable ? 0 : -1;
      const label = said === undefined ? name : `${name}: ${said.title}`;
      if (pick.getAttribute('aria-label') !== label) {
        pick.setAttribute('aria-label', label);
      }
      poster.update();
    },
  };
}

/** Whether there is such a channel: its own page's status says so. */
function watchExistence(
  channel: string,
  onChange: () => void,
): { readonly isKnown: () => boolean; readonly look: (isOffAir: boolean) => void } {
  const NOT_FOUND = 404;
  let isKnown = true;
  let askedAt = Number.NEGATIVE_INFINITY;
  const ask = async (): Promise<void> => {
    const page = pagePath({ page: 'watch', channel });
    const { status } = await fetch(page, { method: 'HEAD', cache: 'no-store' });
    isKnown = status !== NOT_FOUND;
    onChange();
  };
  return {
    isKnown: () => isKnown,
    look: (isOffAir) => {
      const now = performance.now();
      const isDue = askedAt === Number.NEGATIVE_INFINITY || !isKnown;
      if (isOffAir && isDue && now - askedAt > KNOWN_AGAIN_MS) {
        askedAt = now;
        ask().catch(() => undefined);
      }
    },
  };
}

/** Whether playback waits for media, and has for a while. */
function watchWaiting(
  video: HTMLVideoElement,
  onChange: () => void,
): { readonly isWaiting: () => boolean } {
  let isWaiting = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const set = (waiting: boolean): void => {
    clearTimeout(timer);
    if (waiting) {
      timer = setTimeout(() => {
        isWaiting = true;
        onChange();
      }, SPINNER_AFTER_MS);
    } else if (isWaiting) {
      isWaiting = false;
      onChange();
    }
  };
  video.addEventListener('waiting', () => {
    set(true);
  });
  for (const event of ['playing', 'pause', 'seeked', 'emptied'] as const) {
    video.addEventListener(event, () => {
      set(false);
    });
  }
  return { isWaiting: () => isWaiting };
}
