/**
 * The watch page in Chromium, by hls.js.
 *
 * @takes-seconds 50
 */
import { describeWatchPage } from './watch-by-engine.ts';

describeWatchPage('hls');
