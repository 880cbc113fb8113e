/** The menu in which a viewer chooses HLS or DASH. */
import type { MediaChromeMenuItem } from 'media-chrome/menu/media-chrome-menu-item.js';
import { MediaChromeMenu } from 'media-chrome/menu/media-chrome-menu.js';
import { part } from './dom.ts';
import type { EngineName } from './engine.ts';
import { hasMediaSource } from './engines.ts';
import { rememberEngine } from './preferences.ts';
import type { Session } from './session.ts';

/** Binds the menu; redraws when told. */
export function bindEngineMenu(
  root: HTMLElement,
  session: Session,
): { readonly update: () => void } {
  const row = part(root, 'engine', HTMLElement);
  const menu = part(root, 'engine-menu', MediaChromeMenu);
  let drawn: EngineName | undefined;
  menu.addEventListener('change', () => {
    const name: EngineName = menu.value === 'dash' ? 'dash' : 'hls';
    if (name !== session.engineName) {
      rememberEngine(name);
      session.useEngine(name);
    }
  });
  return {
    update: () => {
      row.hidden = !hasMediaSource();
      if (drawn !== session.engineName) {
        drawn = session.engineName;
        for (const item of menu.querySelectorAll<MediaChromeMenuItem>('media-chrome-menu-item')) {
          item.checked = item.value === drawn;
        }
      }
    },
  };
}
