/** Says of an address why its channels cannot be shown, and which can. */
import { multiviewPath, pagePath, type Multiview } from '#common/contracts/delivery';
import { part, setText } from '../dom.ts';
import { titleOf } from '../timeline.ts';
import { explanationOf } from './explanation.ts';

/** Shows it in place of the pictures. */
export function explainFault(page: Multiview | undefined): void {
  const { title, text, channels } = explanationOf(page);
  part(document, 'player', HTMLElement).hidden = true;
  part(document, 'about', HTMLElement).hidden = true;
  const fault = part(document, 'fault', HTMLElement);
  setText(part(fault, 'fault-title', HTMLElement), title);
  setText(part(fault, 'fault-text', HTMLElement), text);
  const link = part(fault, 'fault-link', HTMLAnchorElement);
  const [first] = channels;
  link.hidden = first === undefined;
  if (first !== undefined) {
    link.href =
      channels.length === 1 ? pagePath({ page: 'watch', channel: first }) : multiviewPath(channels);
    setText(link, `Watch ${channels.map(titleOf).join(' + ')}`);
  }
  fault.hidden = false;
  document.title = `${title} · Touchline`;
}
