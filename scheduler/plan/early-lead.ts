/** How long before a segment begins its early task is given out. */
import { milliseconds, type Milliseconds } from '#common/time';

/** A worker starts ffmpeg by then, and its decoder catches up with the feed. */
export const EARLY_LEAD: Milliseconds = milliseconds(1_500);
