/** Chooses and loads an engine; the libraries are fetched only when one is used. */
import type { Engine, EngineName, EngineOptions } from './engine.ts';
import { isNativeSupported, startNativeEngine } from './native-engine.ts';

/** Why nothing can play here. */
export class UnsupportedError extends Error {}

/** Whether Media Source Extensions exist, which hls.js and dash.js need. */
export const hasMediaSource = (): boolean =>
  'MediaSource' in globalThis || 'ManagedMediaSource' in globalThis;

/**
 * Starts the wished engine, or what this browser can.
 * @throws UnsupportedError when it can nothing
 */
export async function startEngine(wish: EngineName, options: EngineOptions): Promise<Engine> {
  if (hasMediaSource() && wish === 'dash') {
    const { startDashEngine } = await import('./dash-engine.ts');
    return startDashEngine(options);
  }
  if (hasMediaSource()) {
    const { isHlsSupported, startHlsEngine } = await import('./hls-engine.ts');
    if (isHlsSupported()) {
      return startHlsEngine(options);
    }
  }
  if (isNativeSupported(options.video)) {
    return startNativeEngine(options);
  }
  throw new UnsupportedError('no Media Source Extensions with H.264 and AAC, and no HLS');
}
