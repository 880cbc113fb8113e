/** Renders the demo's clip into `DATA_DIR`, once. */
import { constants, setPriority } from 'node:os';
import { clipPath } from '#common/contracts/demo-clip';
import { renderClip } from './render.ts';

/** Eight times eight seconds. */
const PERIODS = 8;

const dataDir = process.env['DATA_DIR'];
if (dataDir === undefined) {
  throw new Error('DATA_DIR says where the clip is kept');
}
// A broadcast that begins meanwhile goes first, and what runs so is not counted as taken from its workers.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
await renderClip(clipPath(dataDir), PERIODS);
