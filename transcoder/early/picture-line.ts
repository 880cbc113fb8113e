/**
 * What is shown in each place of one segment, as the leader tells it, and the pictures for it, as they are decoded: in what
 * order whatever comes, the frames of the segment come out one after another. Pure.
 */
import type { DecodeFrom, EarlyTask, ShownEntry, ShownPicture } from '#common/contracts/early-task';
import { frameIndex, greatest, least, type FrameIndex } from '#common/time';

/** A picture that may be shown: of a session's frame, or the slate. */
export type PictureSource =
  | { readonly kind: 'frame'; readonly session: string; readonly seq: number }
  | { readonly kind: 'slate' };

/** A picture goes up in a place. */
export type PlacedPicture = PictureSource & { readonly place: FrameIndex };

/** What the leader says goes up, with the session that its frames are of. */
export function placedPicture(shown: ShownPicture, decode: DecodeFrom | null): PlacedPicture {
  const { place } = shown;
  return shown.kind === 'frame'
    ? { kind: 'frame', place, session: decode?.session ?? '', seq: shown.seq }
    : { kind: 'slate', place };
}

type PictureEntry = Extract<ShownEntry, { t: 'pictures' }>;

/** Of the pictures that an entry shows, the first that a segment needs: the last to go up before it is what it opens with. */
export function firstNeeded({ shown }: PictureEntry, first: FrameIndex): ShownPicture | undefined {
  return shown.findLast(({ place }) => place <= first) ?? shown[0];
}

/** What a segment begins with. */
export interface Opening {
  readonly picture: PlacedPicture;
  readonly decode: DecodeFrom | null;
}

/**
 * What a segment opens with, by a task and by what was told since the task was written.
 * @param first the segment's first place
 */
export function openingOf(
  { opening, decode }: Pick<EarlyTask, 'opening' | 'decode'>,
  first: FrameIndex,
  told: readonly ShownEntry[],
): Opening {
  for (const entry of told.toReversed()) {
    const last =
      entry.t === 'pictures' ? entry.shown.findLast(({ place }) => place <= first) : undefined;
    if (entry.t === 'pictures' && last !== undefined) {
      return { picture: placedPicture(last, entry.decode), decode: entry.decode };
    }
  }
  return { picture: placedPicture(opening, decode), decode };
}

/** What has become of a picture so far. */
export type Decoded<Picture> =
  | {
      readonly state: 'here';
      readonly picture: Picture;
      /** Of two fields the second, which is shown in all places after the picture's own. */
      readonly second?: { readonly picture: Picture; readonly after: FrameIndex };
    }
  /** It may still come. */
  | { readonly state: 'coming' }
  /** It cannot be decoded: the one before it stays. */
  | { readonly state: 'lost' };

/** A picture, which stays what it is for as long as somebody holds it. */
export interface HeldPicture {
  readonly hold: () => void;
  readonly release: () => void;
}

/** See the head of this file. */
export class PictureLine<Picture extends HeldPicture> {
  readonly #end: FrameIndex;
  readonly #find: (source: PictureSource) => Decoded<Picture>;
  /** What goes up at which place of the segment, told so far. */
  readonly #shown = new Map<FrameIndex, PlacedPicture>();
  /** The last to go up before the segment. */
  #opening: PlacedPicture;
  #closed: FrameIndex;
  #next: FrameIndex;
  #current: Picture | undefined;
  /** What takes the place of {@link #current}, and after which place. */
  #second: { readonly picture: Picture; readonly after: FrameIndex } | undefined;
  /** What {@link #current} is of. */
  #onShow: PictureSource | undefined;

  /**
   * @param first the segment's first place
   * @param frames its number of places
   * @param opening what is shown when it begins, if nothing else goes up before
   */
  constructor(
    first: FrameIndex,
    frames: number,
    opening: PlacedPicture,
    find: (source: PictureSource) => Decoded<Picture>,
  ) {
    this.#next = first;
    this.#end = frameIndex(first + frames);
    this.#closed = first;
    this.#opening = opening;
    this.#find = find;
  }

  /** The place whose frame comes out next. */
  get next(): FrameIndex {
    return this.#next;
  }

  /** Places that are decided and not out. */
  get behind(): number {
    return this.#closed - this.#next;
  }

  /** Whether all frames are out. */
  get isWhole(): boolean {
    return this.#next >= this.#end;
  }

  /**
   * Frames of a session that are on show, or were told and have not come out yet: its pictures before all of these are not
   * wanted any more. What is on show may be what the next segment opens with.
   */
  wantedOf(session: string): readonly number[] {
    return [this.#onShow ?? this.#opening, ...this.#shown.values()].flatMap((source) =>
      source.kind === 'frame' && source.session === session ? source.seq : [],
    );
  }

  /** Takes an entry about pictures. */
  tell({ to, decode, shown }: PictureEntry): void {
    for (const picture of shown.map((item) => placedPicture(item, decode))) {
      if (picture.place < this.#end && picture.place >= this.#next) {
        this.#shown.set(picture.place, picture);
      } else if (picture.place < this.#next && this.#current === undefined) {
        this.#opening = picture;
      }
    }
    this.#closed = greatest(this.#closed, least(to, this.#end));
  }

  /** The frame for the next place, if that is decided and decoded; the line holds it while it is on show. */
  take(): Picture | undefined {
    if (this.#next >= this.#closed) {
      return undefined;
    }
    const goesUp =
      this.#shown.get(this.#next) ?? (this.#current === undefined ? this.#opening : undefined);
    if (goesUp !== undefined) {
      const decoded = this.#find(goesUp);
      if (decoded.state === 'coming') {
        return undefined;
      }
      if (decoded.state === 'here') {
        decoded.picture.hold();
        decoded.second?.picture.hold();
        this.#letGo();
        this.#current = decoded.picture;
        this.#second = decoded.second;
        this.#onShow = goesUp;
      }
    }
    if (this.#second !== undefined && this.#next > this.#second.after) {
      this.#current?.release();
      this.#current = this.#second.picture;
      this.#second = undefined;
    }
    if (this.#current !== undefined) {
      this.#shown.delete(this.#next);
      this.#next = frameIndex(this.#next + 1);
    }
    return this.#current;
  }

  /** No more frames are taken: what is on show is held no longer. */
  close(): void {
    this.#letGo();
    this.#closed = this.#next;
  }

  #letGo(): void {
    this.#current?.release();
    this.#second?.picture.release();
    this.#current = undefined;
    this.#second = undefined;
  }
}
