/**
 * One SourceBuffer (W3C Media Source Extensions §5): what is appended waits its turn, and everything that waits goes at once.
 * What has been seen for long is let go of, and a buffer that is full is a reason to wait and not an error.
 */
import type { Ranges } from './ranges.ts';

/** Seconds of media kept behind the picture, and how many there may be before they are let go of. */
const KEPT_BEHIND = 30;
const LET_GO_AT = 40;
/** What is still needed of it when the browser has no room. */
const NEEDED_BEHIND = 2;

type Bytes = Uint8Array<ArrayBuffer>;

type Task =
  | { readonly kind: 'append'; readonly bytes: Bytes }
  | { readonly kind: 'remove'; readonly from: number; readonly to: number };

/** See the head of this file. */
export interface TrackBuffer {
  /** @param init of the fragment's rendition, which is appended first where the last fragment was of another */
  readonly append: (bytes: Bytes, init: Bytes) => void;
  /** Lets go of everything, and of what waits. */
  readonly clear: () => void;
  /** To be called some times a second: lets go of what has been seen, and tries again when there was no room. */
  readonly look: () => void;
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
 * @param position seconds; what is played
 */
export function createTrackBuffer(
  buffer: SourceBufferLike,
  onUpdated: () => void,
  position: () => number,
): TrackBuffer {
  let tasks: Task[] = [];
  let init: Bytes | undefined;
  /** Without room: nothing is tried before the next look. */
  let isFull = false;
  const remove = (from: number, to: number): void => {
    tasks.unshift({ kind: 'remove', from, to });
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
    clear: () => {
      tasks = [{ kind: 'remove', from: 0, to: Number.POSITIVE_INFINITY }];
      init = undefined;
      isFull = false;
      pump();
    },
    look: () => {
      if (!isFull && (tasks.length > 0 || buffer.updating)) {
        return;
      }
      const { buffered } = buffer;
      const oldest = buffered.length === 0 ? Number.POSITIVE_INFINITY : buffered.start(0);
      const now = position();
      if (isFull) {
        isFull = false;
        if (oldest < now - NEEDED_BEHIND) {
          remove(0, now - NEEDED_BEHIND);
        }
      } else if (oldest < now - LET_GO_AT) {
        remove(0, now - KEPT_BEHIND);
      }
      pump();
    },
    isIdle: () => tasks.length === 0 && !buffer.updating,
  };
}
