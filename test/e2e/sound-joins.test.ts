/**
 * Sound through the whole pipeline, from RTMP to what a viewer downloads.
 *
 * @takes-seconds 110
 */
import { describe } from '@jest/globals';
import { SOUND_CASES, type GridCase } from '../grid/cases.ts';
import { useGridRun } from './grid-run.ts';

/** Of a tone each join is judged by itself. */
const TONE_SECONDS = 28;
/** Some thirty joins: their mean wanders by a third of what is asked of it, at most. */
const PROGRAMME_SECONDS = 64;

const secondsOf = ({ recipe }: GridCase): number =>
  recipe.sound === 'programme' ? PROGRAMME_SECONDS : TONE_SECONDS;

const { testEach } = useGridRun(
  SOUND_CASES.toSorted((a, b) => secondsOf(b) - secondsOf(a)),
  secondsOf,
);

describe('sound is as clean where segments join as elsewhere', () => {
  testEach('with $name', SOUND_CASES);
});
