/** The camera on the main stand: metres on the pitch to pixels of a wide panorama that the picture is a window of. */

/** Length and width of the pitch in metres. */
export const PITCH = { length: 105, width: 68 } as const;
/** Size of the picture in pixels. */
export const PICTURE = { width: 1280, height: 720 } as const;
/** The panorama: the picture may be any 1280 pixels of it. */
export const PANORAMA = { width: 2080, height: 720 } as const;

/** From the camera to the near touchline, metres. */
const DISTANCE = 60;
const FOCAL = 1500;
/** Focal length times the camera's height above the pitch. */
const FALL = 51_960;
const HORIZON = -176;
const CENTRE = PANORAMA.width / 2;

/** A place in the panorama, and how many pixels a metre has there. */
export interface Projected {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** Where a point of the pitch is seen; `along` from the left goal line, `across` from the near touchline, metres. */
export function project(along: number, across: number): Projected {
  const depth = across + DISTANCE;
  const scale = FOCAL / depth;
  return { x: CENTRE + (along - PITCH.length / 2) * scale, y: HORIZON + FALL / depth, scale };
}

/** The point of the pitch seen at a place in the panorama. */
export function unproject(
  x: number,
  y: number,
): { readonly along: number; readonly across: number } {
  const depth = FALL / (y - HORIZON);
  return { along: PITCH.length / 2 + ((x - CENTRE) * depth) / FOCAL, across: depth - DISTANCE };
}

/** The window's left edge, even, for a camera that looks at `along`. */
export function windowFor(along: number): number {
  const room = PANORAMA.width - PICTURE.width;
  const wanted = room / 2 + ((along - PITCH.length / 2) / (PITCH.length / 2)) * (room / 2);
  return 2 * Math.round(Math.min(room, Math.max(0, wanted)) / 2);
}
