/** The menu in which a viewer chooses how the channel is played: as suits it, or by one of the engines. */
import type { MediaChromeMenuItem } from 'media-chrome/menu/media-chrome-menu-item.js';
import { MediaChromeMenu } from 'media-chrome/menu/media-chrome-menu.js';
import { part } from './dom.ts';
import type { EngineName } from './engine.ts';
import { hasMediaSource } from './engines.ts';
import { rememberEngine } from './preferences.ts';
import type { Session } from './session.ts';

const NAMES: readonly EngineName[] = ['engine', 'hls', 'dash'];

/** Binds the menu; redraws when told. */
export function bindEngineMenu(
  root: HTMLElement,
  session: Session,
): { readonly update: () => void } {
  const row = part(root, 'engine', HTMLElement);
  const menu = part(root, 'engine-menu', MediaChromeMenu);
  let drawn: string | undefined;
  menu.addEventListener('change', () => {
    const name = NAMES.find((known) => known === menu.value);
    if (name !== session.wish) {
      rememberEngine(name);
      session.useEngine(name);
    }
  });
  return {
    update: () => {
      row.hidden = !hasMediaSource();
      const wish = session.wish ?? 'auto';
      if (drawn !== wish) {
        drawn = wish;
        for (const item of menu.querySelectorAll<MediaChromeMenuItem>('media-chrome-menu-item')) {
          item.checked = item.value === drawn;
        }
      }
    },
  };
}
