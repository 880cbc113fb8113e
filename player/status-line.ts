/** The line under the picture: what is on, and how far behind the pitch it is. */
import { setText } from './dom.ts';
import type { EngineName } from './engine.ts';
import type { Position } from './position.ts';
import type { Session } from './session.ts';

/** Redraws when told. */
export interface StatusLine {
  readonly update: () => void;
}

/** Digits that change four times a second cannot be read. */
const LATENCY_MS = 1_000;

const STREAMS: Readonly<Record<EngineName, string>> = {
  engine: 'Frames',
  hls: 'HLS',
  dash: 'DASH',
  native: 'HLS',
};

/** Binds the line; the embed has none. */
export function createStatusLine(
  root: ParentNode,
  video: HTMLVideoElement,
  session: Session,
  position: Position,
): StatusLine {
  const badge = root.querySelector('[data-part="badge"]');
  const facts = root.querySelector('[data-part="facts"]');
  let next = 0;
  let lastState = '';
  return {
    update: () => {
      if (badge === null || facts === null) {
        return;
      }
      badge.classList.toggle('is-live', session.isLive);
      setText(badge, badgeText(session));
      const now = performance.now();
      if (now < next && lastState === session.state) {
        return;
      }
      next = now + LATENCY_MS;
      lastState = session.state;
      setText(facts, factsText(video, session, position));
    },
  };
}

function badgeText(session: Session): string {
  if (session.isLive) {
    return 'Live';
  }
  switch (session.state) {
    case 'recording':
      return 'Recording';
    case 'ended':
    case 'live':
      return 'Ended';
    case 'waiting':
      return 'Off air';
    case 'looking':
    case 'starting':
    case 'trouble':
    case 'unsupported':
      return '···';
  }
}

function factsText(video: HTMLVideoElement, session: Session, position: Position): string {
  const latency = position.latency();
  const facts = [
    ...(latency === undefined
      ? []
      : [`${latency.toFixed(latency < 2 ? 2 : 1)} s behind the camera`]),
    ...(session.engine !== undefined && video.videoHeight > 0
      ? [`${Math.min(video.videoWidth, video.videoHeight)}p`]
      : []),
    ...(session.engine === undefined ? [] : [STREAMS[session.engine.name]]),
  ];
  return facts.join('  ·  ');
}
