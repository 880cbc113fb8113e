/** The page of several channels at once: finds them in the address and puts the parts together. */
import { PATHS, parseMultiview, type Multiview } from '#common/contracts/delivery';
import { part, setText } from '../dom.ts';
import { createEdges } from '../edges.ts';
import type { Company } from '../company.ts';
import { startServerClock } from '../server-clock.ts';
import { titleOf } from '../timeline.ts';
import { CommonDistance } from './common-distance.ts';
import { exposeMultiview } from './diagnostics.ts';
import { explainFault } from './fault.ts';
import { listenToKeys } from './keys.ts';
import { createSoundDesk } from './sound-desk.ts';
import { createStage, type Stage } from './stage.ts';
import { createStatus } from './status.ts';
import { createTile } from './tile.ts';

const REDRAW_MS = 250;

function run({ channels }: Multiview): void {
  const root = part(document, 'player', HTMLElement);
  const edges = createEdges(channels[0] ?? '');
  const clock = startServerClock(async () => {
    await edges.ready;
    return edges.fetch(PATHS.time, { cache: 'no-store' });
  });
  const distance = new CommonDistance();
  let stage: Stage | undefined = undefined;
  const redraw = (): void => {
    stage?.update();
    status.update();
  };
  const company = (track: Company['track'], detail: () => number): Company => ({
    ...distance.place(),
    track,
    detail,
  });
  const template = part(document, 'tile-template', HTMLTemplateElement);
  const tiles = channels.map((channel, index) =>
    createTile({
      channel,
      index,
      template,
      edges,
      clock,
      company: company('picture', () => stage?.detailOf(index) ?? 1),
      onChange: redraw,
    }),
  );
  const desk = createSoundDesk({
    element: part(root, 'sound-element', HTMLVideoElement),
    edges,
    clock,
    company: company('sound', () => 1),
    onChange: redraw,
  });
  const status = createStatus(document, tiles, clock.now);
  stage = createStage(root, tiles, desk);
  const title = channels.map(titleOf).join(' + ');
  document.title = `${title} · Touchline`;
  setText(part(document, 'title', HTMLElement), title);
  listenToKeys(stage);
  exposeMultiview({ tiles, stage, desk, distance, now: clock.now });
  setInterval(redraw, REDRAW_MS);
  redraw();
  for (const { session } of tiles) {
    session.start();
  }
}

const page = parseMultiview(location.pathname);
if (page?.fault === undefined && page !== undefined) {
  run(page);
} else {
  explainFault(page);
}
