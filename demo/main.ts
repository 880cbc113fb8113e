/** Renders the demo's clip into `DATA_DIR`, once. */
import { clipPath } from '#common/contracts/demo-clip';
import { renderClip } from './render.ts';

/** Eight times eight seconds. */
const PERIODS = 8;

const dataDir = process.env['DATA_DIR'];
if (dataDir === undefined) {
  throw new Error('DATA_DIR says where the clip is kept');
}
await renderClip(clipPath(dataDir), PERIODS);
