/** Which of a session's sound can be heard. */
import { AAC_FRAME_SAMPLES } from '#common/grid';
import { positionInRun } from '#common/sound-grid';
import { greatest, type SamplePosition } from '#common/time';
import type { SessionState } from './state.ts';

/** The first 48 kHz position at or after `min` for which the session has sound that is not late; undefined without any. */
export function firstAudible(
  { sound, soundEnd }: SessionState,
  min: SamplePosition,
): SamplePosition | undefined {
  if (soundEnd <= min) {
    return undefined;
  }
  for (const { origin, rate, k, late } of sound) {
    if (!late && positionInRun(origin, rate, (k + 1) * AAC_FRAME_SAMPLES) > min) {
      return greatest(min, positionInRun(origin, rate, k * AAC_FRAME_SAMPLES));
    }
  }
  return undefined;
}
