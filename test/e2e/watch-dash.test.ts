/**
 * The watch page in Chromium, by dash.js.
 *
 * @takes-seconds 45
 */
import { describeWatchPage } from './watch-by-engine.ts';

describeWatchPage('dash');
