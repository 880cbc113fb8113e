/**
 * Sends an object to a viewer while it is still arriving. What comes is written to everyone at once, and nobody is given
 * more than he takes: who is behind reads on from the object, and who falls too far behind is dropped.
 */
import type { Writable } from 'node:stream';
import { LAST_CHUNK, type CachedObject } from './cached-object.ts';

/** A viewer slower than this (128 kb/s) cannot play the lowest rendition, but would hold its memory. */
const SLOWEST_BYTES_PER_SECOND = 16 * 1024;
const GRACE_MS = 30_000;
/** What waits in a socket at most before no more is written to it: several fragments, so that a moment's pause is none. */
const UNSENT_BYTES = 64 * 1024;
/** How long a viewer may take for what has come, while more comes, real milliseconds: after three segments his player is elsewhere. */
export const MAX_BEHIND_MS = 6_000;

/** How long a viewer may take for so many bytes, milliseconds. */
export const patienceFor = (bytes: number): number =>
  GRACE_MS + (bytes / SLOWEST_BYTES_PER_SECOND) * 1000;

/** What is sent, and how. */
export interface Following {
  /** Goes out with the first of the bytes, in the same write. */
  readonly head?: Buffer;
  readonly object: CachedObject;
  readonly start: number;
  /** Exclusive; undefined: until the object is complete. */
  readonly end: number | undefined;
  /** As chunks of a chunked body, its last one included (RFC 9112 §7.1); otherwise the bytes alone. */
  readonly isChunked: boolean;
  /** What the viewer's stream takes at a time at most; undefined: whatever there is. */
  readonly pieceBytes?: number;
  /** All of it is written; never called when the object breaks off. */
  readonly onWhole: () => void;
  /** Ends the connection, so that the viewer sees a body that is not whole. */
  readonly onBroken: () => void;
}

/** Writes what has arrived, and whatever more arrives, until the end or until the viewer is gone. */
export function follow(
  viewer: Writable,
  {
    head,
    object,
    start,
    end,
    isChunked,
    pieceBytes = Number.POSITIVE_INFINITY,
    onWhole,
    onBroken,
  }: Following,
  now: () => number = () => performance.now(),
): void {
  let sent = start;
  let unsentHead = head;
  /** What is there at a moment, and is to be taken within {@link MAX_BEHIND_MS} of it. */
  let due: { readonly bytes: number; readonly since: number } | undefined;
  const stop = object.onChange(step);
  const finish = (): void => {
    stop();
    viewer.off('drain', step);
    viewer.off('close', finish);
  };
  viewer.on('drain', step);
  viewer.once('close', finish);
  step();

  /** A stream that counts what waits in it is not given all at once, though no byte is copied. */
  function write(available: number): void {
    while (sent < available && viewer.writableLength <= UNSENT_BYTES) {
      const until = Math.min(available, sent + pieceBytes);
      const buffers = object.wire(sent, until, isChunked, unsentHead);
      unsentHead = undefined;
      sent = until;
      if (buffers.length > 1) {
        viewer.cork();
      }
      for (const buffer of buffers) {
        viewer.write(buffer);
      }
      if (buffers.length > 1) {
        viewer.uncork();
      }
    }
  }

  /** Of what grows only; who reads what has an end may take his time for it. */
  function isTooFarBehind(available: number, taken: number): boolean {
    if (due === undefined || taken >= due.bytes) {
      due = { bytes: available, since: now() };
    }
    return now() - due.since > MAX_BEHIND_MS;
  }

  function step(): void {
    if (viewer.destroyed) {
      return;
    }
    if (object.state === 'broken') {
      finish();
      onBroken();
      return;
    }
    const available = Math.min(object.received, end ?? Number.POSITIVE_INFINITY);
    if (viewer.writableLength > UNSENT_BYTES) {
      if (end === undefined && isTooFarBehind(available, sent - viewer.writableLength)) {
        finish();
        onBroken();
      }
      return;
    }
    due = undefined;
    write(available);
    if (sent < available) {
      return;
    }
    if (unsentHead !== undefined) {
      viewer.write(unsentHead);
      unsentHead = undefined;
    }
    if (sent === end || (object.state === 'complete' && sent === object.received)) {
      finish();
      if (isChunked) {
        viewer.write(LAST_CHUNK);
      }
      onWhole();
    }
  }
}
