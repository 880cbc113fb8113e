/**
 * The pictures of a low-latency segment when all of its input is at hand: by the same processes as on time, so the same
 * bytes; what is shown where follows from the task's spans.
 */
import type { ShownEntry } from '#common/contracts/early-task';
import type { VideoFrame } from '#common/contracts/frame';
import { stretchesOf, type Restart } from '#common/contracts/restart';
import { divisionOf } from '#common/division';
import { firstFrame } from '#common/grid';
import { frameIndex, greatest } from '#common/time';
import { FIRST_PLACE, planPictures, type PictureSource } from '../picture-plan.ts';
import type { Encoder } from '../transcode.ts';
import type { RenditionFragment, SegmentPictures } from './picture-encoder.ts';
import { placedPicture, type Decoded, type PictureSource as Shown } from './picture-line.ts';
import { lastingFrame, type RawFrame } from './raw-frame.ts';
import { SegmentPicturesRun } from './segment-pictures.ts';
import { SessionPictures } from './session-pictures.ts';

/** What making them needs. */
export interface WholePicturesDeps {
  readonly encoder: Encoder;
  readonly signal: AbortSignal;
  /** The slate, decoded to the segment's frame size. */
  readonly slate: () => Promise<Buffer>;
  readonly onFragment: (fragment: RenditionFragment) => void;
}

type PicturesEntry = Extract<ShownEntry, { t: 'pictures' }>;

/** Each source is decoded by itself; this is what its frames' session is called. */
const nameOf = (source: number): string => String(source);

/**
 * What goes up where, an entry for each picture.
 * @throws PipelineError as {@link planPictures} does
 */
export function shownOf(
  { grid, n }: Pick<SegmentPictures, 'grid' | 'n'>,
  sources: readonly PictureSource[],
): readonly PicturesEntry[] {
  const first = firstFrame(grid, n);
  const origins = new Map<Uint8Array, { readonly source: number; readonly frame?: VideoFrame }>();
  sources.forEach((source, i) => {
    if (source.kind === 'slate') {
      origins.set(source.data, { source: i });
    } else {
      source.frames.forEach((frame) => origins.set(frame.data, { source: i, frame }));
    }
  });
  const { pictures, timescale } = planPictures(grid, first, sources);
  const placeTicks = (timescale * grid.den) / grid.num;
  const placed = pictures
    .filter(({ pts }) => pts % placeTicks === 0)
    .map(({ pts, data }) => ({
      place: frameIndex(first + pts / placeTicks - FIRST_PLACE),
      origin: origins.get(data),
    }))
    .filter(({ place }) => place < first + grid.segmentFrames)
    .toSorted((a, b) => a.place - b.place);
  // Of what lies before the segment the last is up when it begins; the rest are a deinterlacer's neighbours.
  const up = Math.max(
    0,
    placed.findLastIndex(({ place }) => place <= first),
  );
  const changes = placed
    .slice(up)
    .map(({ place, origin }) => ({ place: greatest(place, first), origin }));
  return changes.map(({ place, origin }, i): PicturesEntry => {
    const to = changes[i + 1]?.place ?? frameIndex(first + grid.segmentFrames);
    const span = { t: 'pictures', broadcast: n, from: place, to } as const;
    return origin?.frame === undefined
      ? { ...span, decode: null, shown: [{ kind: 'slate', place }] }
      : {
          ...span,
          decode: { session: nameOf(origin.source), fromSeq: 0, fromChunk: n },
          shown: [{ kind: 'frame', place, seq: origin.frame.seq }],
        };
  });
}

/**
 * Makes them, one stretch after another where encoders began anew; resolves with a JPEG of the first picture when all fragments are out.
 * @throws PipelineError as ffmpeg's failures do; `INPUT_MISSING`, `BAD_MEDIA` when the input does not suffice
 */
export async function makeWholePictures(
  {
    restarts,
    ...segment
  }: Omit<SegmentPictures, 'stretch'> & { readonly restarts?: readonly Restart[] | undefined },
  sources: readonly PictureSource[],
  deps: WholePicturesDeps,
): Promise<Buffer | undefined> {
  let preview: Buffer | undefined;
  const { fragments } = divisionOf(segment.grid, segment.profile);
  for (const stretch of stretchesOf(restarts, fragments)) {
    if (segment.renditions.some(({ id }) => stretch.from(id) < stretch.to(id))) {
      const made = await makeStretch({ ...segment, stretch }, sources, deps);
      preview ??= made;
    }
  }
  return preview;
}

async function makeStretch(
  segment: SegmentPictures,
  sources: readonly PictureSource[],
  { encoder, signal, slate, onFragment }: WholePicturesDeps,
): Promise<Buffer | undefined> {
  const entries = shownOf(segment, sources);
  const [opening] = entries.flatMap(({ shown, decode }) =>
    shown.map((picture) => placedPicture(picture, decode)),
  );
  const slatePicture: Decoded<RawFrame> | undefined = entries.some(({ decode }) => decode === null)
    ? { state: 'here', picture: lastingFrame(await slate()) }
    : undefined;
  const stop = new AbortController();
  const decoders = new Map<string, SessionPictures>();
  const find = (source: Shown): Decoded<RawFrame> =>
    (source.kind === 'slate' ? slatePicture : decoders.get(source.session)?.find(source.seq)) ?? {
      state: 'lost',
    };
  const run = new SegmentPicturesRun(
    segment,
    opening ?? { kind: 'slate', place: firstFrame(segment.grid, segment.n) },
    {
      encoder,
      signal: AbortSignal.any([signal, stop.signal]),
      find,
      onFragment,
      onTaken: () => {
        forget();
      },
    },
  );
  const forget = (): void => {
    for (const [session, decoder] of decoders) {
      decoder.forgetBefore(run.wantedFrom(session, decoder));
    }
  };
  const advance = (): void => {
    run.advance();
    forget();
  };
  try {
    sources.forEach((source, i) => {
      if (source.kind === 'session') {
        const { size } = segment;
        decoders.set(nameOf(i), new SessionPictures({ encoder, size, signal, onChange: advance }));
      }
    });
    for (const entry of entries) {
      run.tell(entry);
    }
    sources.forEach((source, i) => {
      const decoder = decoders.get(nameOf(i));
      if (source.kind === 'session' && decoder !== undefined) {
        source.frames.forEach((frame) => {
          decoder.feed(frame);
        });
        decoder.end();
      }
    });
    return await run.finished();
  } finally {
    stop.abort();
    await Promise.all([run.ended(), ...[...decoders.values()].map((decoder) => decoder.close())]);
  }
}
