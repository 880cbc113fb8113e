/**
 * Every source through the whole pipeline, from RTMP to what a viewer downloads: as many at once as the machine carries.
 *
 * @needs-whole-machine
 */
import { describe } from '@jest/globals';
import { CLEAN_CASES, SOURCE_CASES } from '../grid/cases.ts';
import { useGridRun } from './grid-run.ts';

/** Six whole segments, and every keyframe interval and change of size within them. */
const SECONDS = 14;

const { testEach } = useGridRun([...SOURCE_CASES, ...CLEAN_CASES], () => SECONDS);

describe('every rendition is exactly on the grid, in sync, and readable as HLS and DASH', () => {
  testEach('from $name', SOURCE_CASES);
});

describe('a clean feed with rounding, jitter and drift loses and repeats nothing', () => {
  testEach('in $name', CLEAN_CASES);
});
