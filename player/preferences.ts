/** What a viewer chose before, kept in the browser; without storage everything still works. */
import type { EngineName } from './engine.ts';

const PREFIX = 'touchline.';

function read(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    return undefined;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Private windows and embeds may have no storage.
  }
}

const asEngine = (value: string | null | undefined): EngineName | undefined =>
  value === 'engine' || value === 'hls' || value === 'dash' ? value : undefined;

/** The engine asked for in the address, else the one chosen last; undefined: whichever suits the channel. */
export function preferredEngine(search: string): EngineName | undefined {
  return asEngine(new URLSearchParams(search).get('player')) ?? asEngine(read('player'));
}

/** Remembers an engine, or that whichever suits is wanted. */
export function rememberEngine(name: EngineName | undefined): void {
  write('player', name ?? 'auto');
}

/** The edges chosen before, as they were kept. */
export const keptEdges = (): string | undefined => read('edges');

/** Keeps the edges chosen. */
export function keepEdges(text: string): void {
  write('edges', text);
}

/** Volume from 0 to 1. */
export function preferredVolume(): number {
  const value = Number(read('volume') ?? 1);
  return value > 0 && value <= 1 ? value : 1;
}

/** Remembers a volume. */
export function rememberVolume(volume: number): void {
  write('volume', volume.toFixed(2));
}

/** Whether the viewer had turned the sound on. */
export const wantsSound = (): boolean => read('sound') === 'on';

/** Remembers whether the viewer wants sound. */
export function rememberSound(isOn: boolean): void {
  write('sound', isOn ? 'on' : 'off');
}
