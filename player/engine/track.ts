/** One track on its way from the edge into its SourceBuffer: each fragment the moment it comes, behind its init segment. */
import type { Inits } from './inits.ts';
import type { TrackBuffer } from './track-buffer.ts';
import { TrackReader, type Arrived, type TrackReaderOptions } from './track-reader.ts';

/** See the head of this file. */
export class Track {
  readonly buffer: TrackBuffer;
  readonly reader: TrackReader;

  constructor(buffer: TrackBuffer, inits: Inits, options: Omit<TrackReaderOptions, 'prepare'>) {
    this.buffer = buffer;
    this.reader = new TrackReader({
      ...options,
      prepare: (rendition) => inits.prepare(rendition),
      onFragment: (fragment: Arrived) => {
        const init = inits.of(fragment.rendition);
        if (init !== undefined) {
          buffer.append(fragment.bytes, init);
        }
        options.onFragment(fragment);
      },
    });
  }

  /** Lets go of all that is in hand, and reads from a segment's beginning on. */
  restart(n: number): void {
    this.buffer.clear();
    this.reader.start(n);
  }
}
