/** Chooses and loads an engine; the libraries are fetched only when one is used. */
import type { Engine, EngineName, EngineOptions } from './engine.ts';
import { isNativeSupported, startNativeEngine } from './native-engine.ts';

/** Why nothing can play here. */
export class UnsupportedError extends Error {}

/** Whether Media Source Extensions exist, which hls.js and dash.js need. */
export const hasMediaSource = (): boolean =>
  'MediaSource' in globalThis || 'ManagedMediaSource' in globalThis;

/** The built file of an engine, as the page tells it. */
function fileOf(name: 'hls' | 'dash'): string {
  const file = document.querySelector<HTMLElement>('[data-part="player"]')?.dataset[name];
  if (file === undefined || file === '') {
    throw new Error(`page names no file of ${name}`);
  }
  return file;
}

/**
 * Loads a module of ours from the first edge that has it: the one that served the page may be gone by now. The
 * page's policy admits scripts of known edges only.
 */
async function load(name: 'hls' | 'dash', edges: readonly string[]): Promise<unknown> {
  const file = fileOf(name);
  let last: unknown;
  for (const edge of edges) {
    try {
      return await import(`${edge}/assets/${file}`);
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

const loadHls = (edges: readonly string[]): Promise<typeof import('./hls-engine.ts')> =>
  load('hls', edges) as Promise<typeof import('./hls-engine.ts')>;
const loadDash = (edges: readonly string[]): Promise<typeof import('./dash-engine.ts')> =>
  load('dash', edges) as Promise<typeof import('./dash-engine.ts')>;

/**
 * Starts the wished engine, or what this browser can.
 * @param edges base addresses to load its code from, best first
 * @throws UnsupportedError when it can nothing
 */
export async function startEngine(
  wish: EngineName,
  edges: readonly string[],
  options: EngineOptions,
): Promise<Engine> {
  if (hasMediaSource() && wish === 'dash') {
    const { startDashEngine } = await loadDash(edges);
    return startDashEngine(options);
  }
  if (hasMediaSource()) {
    const { isHlsSupported, startHlsEngine } = await loadHls(edges);
    if (isHlsSupported()) {
      return startHlsEngine(options);
    }
  }
  if (isNativeSupported(options.video)) {
    return startNativeEngine(options);
  }
  throw new UnsupportedError('no Media Source Extensions with H.264 and AAC, and no HLS');
}
