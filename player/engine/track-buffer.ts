/**
 * One SourceBuffer (W3C Media Source Extensions §5): what is appended waits its turn, and everything that waits goes at once.
 * A buffer that is full is a reason to wait and not an error.
 */
import type { Ranges } from './ranges.ts';

type Bytes = Uint8Array<ArrayBuffer>;

type Task =
  | { readonly kind: 'append'; readonly bytes: Bytes }
  | { readonly kind: 'remove'; readonly from: number; readonly to: number };

/** See the head of this file. */
export interface TrackBuffer {
  /** @param init of the fragment's rendition, which is appended first where the last fragment was of another */
  readonly append: (bytes: Bytes, init: Bytes) => void;
  /** Lets go of everything in `[from, to)`, seconds, before anything else is appended. */
  readonly remove: (from: number, to: number) => void;
  /** Lets go of everything, and of what waits. */
  readonly clear: () => void;
  /** To be called some times a second: a full buffer may have room by now. */
  readonly look: () => void;
  readonly ranges: () => Ranges;
  readonly isIdle: () => boolean;
}

/** Of a `SourceBuffer`, what is needed. */
export interface SourceBufferLike {
  readonly updating: boolean;
  readonly buffered: Ranges;
  readonly appendBuffer: (bytes: Bytes) => void;
  readonly remove: (from: number, to: number) => void;
  readonly addEventListener: (type: 'updateend', listener: () => void) => void;
}

function joined(parts: readonly Bytes[]): Bytes {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) {
    return only;
  }
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/**
 * @param onUpdated something was appended or removed
 * @param oldestNeeded seconds; what is before it may go when there is no room
 */
export function createTrackBuffer(
  buffer: SourceBufferLike,
  onUpdated: () => void,
  oldestNeeded: () => number,
): TrackBuffer {
  let tasks: Task[] = [];
  let init: Bytes | undefined;
  /** Without room: nothing is tried before the next look. */
  let isFull = false;
  const remove = (from: number, to: number): void => {
    if (to > from) {
      tasks.unshift({ kind: 'remove', from, to });
    }
  };
  const pump = (): void => {
    const [first] = tasks;
    if (buffer.updating || first === undefined || isFull) {
      return;
    }
    try {
      if (first.kind === 'remove') {
        tasks.shift();
        buffer.remove(first.from, first.to);
        return;
      }
      const end = tasks.findIndex(({ kind }) => kind === 'remove');
      const run = tasks.slice(0, end === -1 ? undefined : end);
      buffer.appendBuffer(
        joined(run.flatMap((task) => (task.kind === 'append' ? task.bytes : []))),
      );
      tasks = tasks.slice(run.length);
    } catch (error) {
      if (error instanceof DOMException && error.name === 'QuotaExceededError') {
        isFull = true;
      } else if (!(error instanceof DOMException && error.name === 'InvalidStateError')) {
        throw error;
      }
      // Invalid state: the element has let go of this media, and says so itself.
    }
  };
  buffer.addEventListener('updateend', () => {
    pump();
    onUpdated();
  });
  return {
    append: (bytes, own) => {
      if (init !== own) {
        init = own;
        tasks.push({ kind: 'append', bytes: own });
      }
      tasks.push({ kind: 'append', bytes });
      pump();
    },
    remove: (from, to) => {
      remove(from, to);
      pump();
    },
    clear: () => {
      tasks = [{ kind: 'remove', from: 0, to: Number.POSITIVE_INFINITY }];
      init = undefined;
      isFull = false;
      pump();
    },
    look: () => {
      if (isFull) {
        isFull = false;
        const { buffered } = buffer;
        const oldest = oldestNeeded();
        if (buffered.length > 0 && buffered.start(0) < oldest) {
          remove(0, oldest);
        }
        pump();
      }
    },
    ranges: () => buffer.buffered,
    isIdle: () => tasks.length === 0 && !buffer.updating,
  };
}
