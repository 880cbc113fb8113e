/** The menu for picture quality and player. */
import { part, setText } from './dom.ts';
import type { EngineName } from './engine.ts';
import { hasMediaSource } from './engines.ts';
import { rememberEngine } from './preferences.ts';
import type { Session } from './session.ts';

/** Redraws when told. */
export interface SettingsMenu {
  readonly update: () => void;
  readonly isOpen: () => boolean;
}

interface Choice {
  readonly value: string;
  readonly label: string;
}

const AUTO = 'auto';
const ENGINES: readonly Choice[] = [
  { value: 'hls', label: 'HLS' },
  { value: 'dash', label: 'DASH' },
];

/** Binds the menu and the button that opens it. */
export function createSettingsMenu(root: HTMLElement, session: Session): SettingsMenu {
  const button = part(root, 'settings', HTMLButtonElement);
  const menu = part(root, 'settings-menu', HTMLElement);
  const quality = part(menu, 'quality', HTMLFieldSetElement);
  const engine = part(menu, 'engine', HTMLFieldSetElement);
  let drawn = '';

  const setOpen = (isOpen: boolean): void => {
    menu.hidden = !isOpen;
    button.setAttribute('aria-expanded', String(isOpen));
  };
  const update = (): void => {
    const playing = session.engine?.playing();
    const qualities = session.engine?.qualities() ?? [];
    const auto = playing === undefined ? 'Auto' : `Auto (${playing.height}p)`;
    const chosen = session.engine?.chosen() ?? AUTO;
    const choices = [
      { value: AUTO, label: chosen === AUTO ? auto : 'Auto' },
      ...qualities
        .toSorted((a, b) => b.height - a.height)
        .map(({ id, height }) => ({ value: id, label: `${height}p` })),
    ];
    const next = JSON.stringify([choices, chosen, session.engineName]);
    if (next === drawn) {
      return;
    }
    drawn = next;
    drawChoices(quality, 'quality', choices, chosen);
    engine.hidden = !hasMediaSource();
    drawChoices(engine, 'engine', ENGINES, session.engineName);
  };

  button.addEventListener('click', () => {
    setOpen(menu.hidden !== false);
    if (menu.hidden === false) {
      menu.querySelector<HTMLInputElement>('input:checked')?.focus();
    }
  });
  document.addEventListener('pointerdown', ({ target }) => {
    if (target instanceof Node && !menu.contains(target) && !button.contains(target)) {
      setOpen(false);
    }
  });
  menu.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      setOpen(false);
      button.focus();
    }
    // Arrows move between the choices here, not in the broadcast.
    event.stopPropagation();
  });
  quality.addEventListener('change', () => {
    const value = checkedOf(quality);
    session.engine?.choose(value === AUTO ? undefined : value);
    update();
  });
  engine.addEventListener('change', () => {
    const name: EngineName = checkedOf(engine) === 'dash' ? 'dash' : 'hls';
    rememberEngine(name);
    session.useEngine(name);
  });
  return { update, isOpen: () => menu.hidden === false };
}

const checkedOf = (group: HTMLFieldSetElement): string =>
  group.querySelector<HTMLInputElement>('input:checked')?.value ?? AUTO;

/** Draws radio buttons; keeps the focus where it was. */
function drawChoices(
  group: HTMLFieldSetElement,
  name: string,
  choices: readonly Choice[],
  chosen: string,
): void {
  const hadFocus = group.contains(document.activeElement);
  const list = part(group, 'choices', HTMLElement);
  list.replaceChildren(
    ...choices.map(({ value, label }) => {
      const row = document.createElement('label');
      const input = document.createElement('input');
      const words = document.createElement('span');
      input.type = 'radio';
      input.name = name;
      input.value = value;
      input.checked = value === chosen;
      setText(words, label);
      row.append(input, words);
      return row;
    }),
  );
  if (hadFocus) {
    group.querySelector<HTMLInputElement>('input:checked')?.focus();
  }
}
