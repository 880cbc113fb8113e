/** The watch page and the embed: finds the channel in the address and puts the parts together. */
import { PATHS, parsePage } from '#common/contracts/delivery';
import { createChromeStore } from './chrome-store.ts';
import { createControls } from './controls.ts';
import { exposeDiagnostics } from './diagnostics.ts';
import { part, setText } from './dom.ts';
import { createEdges } from './edges.ts';
import { listenToKeys } from './keyboard.ts';
import { createOverlay } from './overlay.ts';
import { createPosition } from './position.ts';
import { createPoster } from './poster.ts';
import { preferredEngine } from './preferences.ts';
import { startServerClock } from './server-clock.ts';
import { Session } from './session.ts';
import { createSound } from './sound.ts';
import { createStatusLine } from './status-line.ts';
import { titleOf } from './timeline.ts';

const REDRAW_MS = 250;

function run(): void {
  const channel = parsePage(location.pathname)?.channel ?? '';
  const root = part(document, 'player', HTMLElement);
  const video = part(root, 'video', HTMLVideoElement);
  const edges = createEdges(channel);
  const clock = startServerClock(async () => {
    await edges.ready;
    return edges.fetch(PATHS.time, { cache: 'no-store' });
  });
  const sound = createSound(video);
  const session = new Session({
    video,
    channel,
    engine: preferredEngine(location.search),
    edges,
    now: clock.now,
    clockReady: clock.ready,
    onChange: () => {
      redraw();
    },
  });
  const position = createPosition(video, session, clock.now);
  const chrome = createChromeStore(video, session, position, sound);
  const controls = createControls(root, video, session, position, chrome);
  const views = [
    controls,
    createOverlay(root, video, session, sound),
    createPoster(video, session, channel, edges),
    createStatusLine(document, video, session, position),
  ];
  const redraw = (): void => {
    root.dataset['state'] = session.state;
    if (video.videoWidth > 0) {
      root.toggleAttribute('data-upright', video.videoHeight > video.videoWidth);
    }
    for (const view of views) {
      view.update();
    }
  };

  document.title = `${titleOf(channel)} · Touchline`;
  for (const element of document.querySelectorAll('[data-part="title"]')) {
    setText(element, titleOf(channel));
  }
  listenToKeys(video, controls, position, sound);
  exposeDiagnostics(video, session, position, edges);
  setInterval(redraw, REDRAW_MS);
  redraw();
  session.start();
}

run();
