/** Sends an object to a viewer while it is still arriving, no faster than the viewer takes it. */
import type { Writable } from 'node:stream';
import type { CachedObject } from './cached-object.ts';

/** A viewer slower than this (128 kb/s) cannot play the lowest rendition, but would hold its memory. */
const SLOWEST_BYTES_PER_SECOND = 16 * 1024;
const GRACE_MS = 30_000;

/** How long a viewer may take for so many bytes, milliseconds. */
export const patienceFor = (bytes: number): number =>
  GRACE_MS + (bytes / SLOWEST_BYTES_PER_SECOND) * 1000;

/**
 * Writes what has arrived whenever more arrives, and waits while the viewer does not take it.
 * @param end exclusive; undefined: until the object is complete
 * @param onWhole all of it is written; never called when the object breaks off: the viewer is cut off then
 */
export function follow(
  viewer: Writable,
  object: CachedObject,
  start: number,
  end: number | undefined,
  onWhole: () => void,
): void {
  let sent = start;
  let isBlocked = viewer.writableNeedDrain;
  const stop = object.onChange(step);
  const onDrain = (): void => {
    isBlocked = false;
    step();
  };
  const finish = (): void => {
    stop();
    viewer.off('drain', onDrain);
    viewer.off('close', finish);
  };
  viewer.on('drain', onDrain);
  viewer.once('close', finish);
  step();

  function step(): void {
    if (isBlocked || viewer.destroyed) {
      return;
    }
    const available = Math.min(object.received, end ?? Number.POSITIVE_INFINITY);
    if (available > sent) {
      const slice = object.slice(sent, available);
      sent = available;
      isBlocked = !viewer.write(slice);
    }
    if (object.state === 'broken') {
      finish();
      // Fewer bytes than announced, or a chunked body without its end: the viewer sees that it is not whole.
      viewer.destroy();
    } else if (sent === end || (object.state === 'complete' && sent === object.received)) {
      finish();
      onWhole();
    }
  }
}
