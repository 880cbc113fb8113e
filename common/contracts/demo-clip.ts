/** Where the rendered match is kept. */
import { join } from 'node:path';

/** Raise it when the picture or its encoding changes: the clip is then rendered again. */
const CLIP_VERSION = 1;

/** The clip's file in a `DATA_DIR`; it is there whole or not at all. */
export const clipPath = (dataDir: string): string =>
  join(dataDir, 'demo', `match-v${CLIP_VERSION}.flv`);
