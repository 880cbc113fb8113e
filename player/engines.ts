/** Chooses and loads an engine; the libraries are fetched only when one is used. */
import type * as DashEngineModule from './dash-engine.ts';
import type { Engine, EngineName, EngineOptions } from './engine.ts';
import { isOwnEngineSupported, startOwnEngine } from './engine/start.ts';
import type * as HlsEngineModule from './hls-engine.ts';
import { isNativeSupported, startNativeEngine } from './native-engine.ts';

type DashEngine = typeof DashEngineModule;
type HlsEngine = typeof HlsEngineModule;

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
async function load<Module>(name: 'hls' | 'dash', edges: readonly string[]): Promise<Module> {
  const file = fileOf(name);
  let last: unknown;
  for (const edge of edges) {
    try {
      const module: Module = await import(`${edge}/assets/${file}`);
      return module;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** The engine for who has not chosen one: our own where segments can be read while they grow. */
export const automaticEngine = (isLowLatency: boolean): EngineName =>
  isLowLatency && isOwnEngineSupported() ? 'engine' : 'hls';

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
  // Recordings are not made any more: there is nothing in them to be near to.
  if (wish === 'engine' && options.isLive && isOwnEngineSupported()) {
    return startOwnEngine(options);
  }
  if (hasMediaSource() && wish === 'dash') {
    const { startDashEngine } = await load<DashEngine>('dash', edges);
    return startDashEngine(options);
  }
  if (hasMediaSource()) {
    const { isHlsSupported, startHlsEngine } = await load<HlsEngine>('hls', edges);
    if (isHlsSupported()) {
      return startHlsEngine(options);
    }
  }
  if (isNativeSupported(options.video)) {
    return startNativeEngine(options);
  }
  throw new UnsupportedError('no Media Source Extensions with H.264 and AAC, and no HLS');
}
