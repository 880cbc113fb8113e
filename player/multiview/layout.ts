/** Where the pictures of several channels lie: as large as the room allows, or one large and the others small beside it. Pure. */

/** A rectangle of the stage, CSS pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A size, CSS pixels. */
export interface Room {
  readonly width: number;
  readonly height: number;
}

/** What the boxes take together, and each of them. */
export interface Arrangement extends Room {
  readonly boxes: readonly Box[];
}

/** Directions in which one goes from picture to picture. */
export type Direction = 'left' | 'right' | 'up' | 'down';

/** Between two pictures. */
export const GAP = 8;
/** Pictures' shape; others are letterboxed into it. */
const SHAPE = 16 / 9;
/** Beside a large picture lie so many small ones at least in its height: fewer would be hardly smaller. */
const BESIDE = 3;
/** And below it in its width. */
const BELOW = 2;

/** The largest box of a picture's shape within a room, in whole pixels. */
function fitted({ width, height }: Room): Room {
  const wide = Math.max(0, Math.floor(Math.min(width, height * SHAPE)));
  return { width: wide, height: Math.floor(wide / SHAPE) };
}

/** So many in a row take it, with gaps between them. */
const share = (length: number, count: number): number => (length - GAP * (count - 1)) / count;
const total = (length: number, count: number): number => length * count + GAP * (count - 1);

/** All of one size, in as many columns as make them largest; a last row that is not full is centred. */
function equal(count: number, room: Room): Arrangement {
  let best: { readonly columns: number; readonly size: Room } | undefined;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const size = fitted({ width: share(room.width, columns), height: share(room.height, rows) });
    if (best === undefined || size.width > best.size.width) {
      best = { columns, size };
    }
  }
  const { columns = 1, size = { width: 0, height: 0 } } = best ?? {};
  const width = total(size.width, columns);
  const boxes = Array.from({ length: count }, (_, i) => {
    const row = Math.floor(i / columns);
    const inRow = Math.min(columns, count - row * columns);
    const indent = (width - total(size.width, inRow)) / 2;
    return {
      ...size,
      x: Math.round(indent + (i % columns) * (size.width + GAP)),
      y: row * (size.height + GAP),
    };
  });
  return { width, height: total(size.height, Math.ceil(count / columns)), boxes };
}

/** The large one on the left, the others in a column beside it. */
function largeLeft(count: number, room: Room, large: number): Arrangement {
  const small = count - 1;
  const inColumn = Math.max(BESIDE, small);
  // Small ones are the n-th part of the large one, less the gaps.
  const main = fitted({
    width: (room.width - GAP) / (1 + 1 / inColumn),
    height: room.height,
  });
  const size = fitted({ width: main.width, height: share(main.height, inColumn) });
  let next = 0;
  const boxes = Array.from({ length: count }, (_, i) => {
    if (i === large) {
      return { ...main, x: 0, y: 0 };
    }
    const y = next * (size.height + GAP);
    next += 1;
    return { ...size, x: main.width + GAP, y };
  });
  return { width: main.width + GAP + size.width, height: main.height, boxes };
}

/** The large one above, the others in a row below it. */
function largeAbove(count: number, room: Room, large: number): Arrangement {
  const inRow = Math.max(BELOW, count - 1);
  const main = fitted({
    width: room.width,
    height: (room.height - GAP) / (1 + 1 / inRow),
  });
  const size = fitted({ width: share(main.width, inRow), height: main.height });
  const indent = (main.width - total(size.width, count - 1)) / 2;
  let next = 0;
  const boxes = Array.from({ length: count }, (_, i) => {
    if (i === large) {
      return { ...main, x: 0, y: 0 };
    }
    const x = Math.round(indent + next * (size.width + GAP));
    next += 1;
    return { ...size, x, y: main.height + GAP };
  });
  return { width: main.width, height: main.height + GAP + size.height, boxes };
}

/**
 * Arranges the pictures.
 * @param count at least one
 * @param large the one that is large; undefined: all are alike
 */
export function arrange(count: number, room: Room, large?: number): Arrangement {
  if (large === undefined || count < 2) {
    return equal(count, room);
  }
  const left = largeLeft(count, room, large);
  const above = largeAbove(count, room, large);
  const widthOf = ({ boxes }: Arrangement): number => boxes[large]?.width ?? 0;
  return widthOf(above) > widthOf(left) ? above : left;
}

/** The nearest picture in a direction; the same one where there is none. */
export function neighbour(boxes: readonly Box[], from: number, direction: Direction): number {
  const here = boxes[from];
  if (here === undefined) {
    return from;
  }
  let best = from;
  let nearest = Number.POSITIVE_INFINITY;
  const isSideways = direction === 'left' || direction === 'right';
  const sign = direction === 'left' || direction === 'up' ? -1 : 1;
  boxes.forEach((box, i) => {
    const dx = box.x + box.width / 2 - (here.x + here.width / 2);
    const dy = box.y + box.height / 2 - (here.y + here.height / 2);
    const along = sign * (isSideways ? dx : dy);
    const across = Math.abs(isSideways ? dy : dx);
    // What lies rather to the side of it is reached by the other keys.
    const distance = along + 2 * across;
    if (i !== from && along > GAP && distance < nearest) {
      best = i;
      nearest = distance;
    }
  });
  return best;
}
