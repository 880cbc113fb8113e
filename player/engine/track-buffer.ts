/** One SourceBuffer (W3C Media Source Extensions §5): what is appended waits its turn, and everything that waits goes at once. */

type Bytes = Uint8Array<ArrayBuffer>;

type Task =
  | { readonly kind: 'append'; readonly bytes: Bytes }
  | { readonly kind: 'remove'; readonly from: number; readonly to: number };

/** See the head of this file. */
export interface TrackBuffer {
  /** @param init of the fragment's rendition, which is appended first where the last fragment was of another */
  readonly append: (bytes: Bytes, init: Bytes) => void;
  /** Lets go of everything in `[from, to)`, seconds, and of what waits if it is everything. */
  readonly remove: (from: number, to: number) => void;
  readonly clear: () => void;
  readonly ranges: () => TimeRanges;
  readonly isIdle: () => boolean;
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
 * @param onFull the browser has no room: something must be removed before the next append
 */
export function createTrackBuffer(
  buffer: SourceBuffer,
  onUpdated: () => void,
  onFull: () => void,
): TrackBuffer {
  let tasks: Task[] = [];
  let init: Bytes | undefined;
  const pump = (): void => {
    const [first] = tasks;
    if (buffer.updating || first === undefined) {
      return;
    }
    if (first.kind === 'remove') {
      tasks.shift();
      buffer.remove(first.from, first.to);
      return;
    }
    const end = tasks.findIndex(({ kind }) => kind === 'remove');
    const run = tasks.slice(0, end === -1 ? undefined : end);
    try {
      buffer.appendBuffer(
        joined(run.flatMap((task) => (task.kind === 'append' ? task.bytes : []))),
      );
      tasks = tasks.slice(run.length);
    } catch (error) {
      if (error instanceof DOMException && error.name === 'QuotaExceededError') {
        onFull();
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
      if (to > from) {
        tasks.unshift({ kind: 'remove', from, to });
        pump();
      }
    },
    clear: () => {
      tasks = [{ kind: 'remove', from: 0, to: Number.POSITIVE_INFINITY }];
      init = undefined;
      pump();
    },
    ranges: () => buffer.buffered,
    isIdle: () => tasks.length === 0 && !buffer.updating,
  };
}
