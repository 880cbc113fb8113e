/**
 * Notes in a page every picture that its video element presents, with the brightness of the stamp's cells, and when media
 * were fetched. All of it stays in the page until it is asked for: the measured page is not to be busy with telling.
 */
import { z } from 'zod';
import { STAMP_CELLS, stampArea, stampOfCells } from '../../test/helpers/frame-stamp.ts';
import type { Presented } from './viewing.ts';

/** Pixels of a cell as it is read; only its inner ones count. */
const CELL = 4;
/** What a page itself tells of its distance costs it some work: asked so often, milliseconds. */
const TOLD_MS = 500;
const UNITS = stampArea({ x: 0, y: 0, width: 720, height: 720 });

/**
 * To be run before the page's own scripts.
 * `requestVideoFrameCallback` (WICG) tells when a picture is expected on the screen, and counts those presented without a call.
 */
export const RECORDER = `(() => {
  performance.setResourceTimingBufferSize(1_000_000);
  const seen = window.__glass = { clicked: undefined, rows: [] };
  const { columns, rows } = ${JSON.stringify(STAMP_CELLS)};
  const units = ${JSON.stringify(UNITS)};
  const cell = ${CELL};
  const canvas = new OffscreenCanvas(columns * cell, rows * cell);
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  let toldAt = 0;
  const watch = (video) => {
    const onFrame = (now, { presentedFrames, expectedDisplayTime, width, height }) => {
      video.requestVideoFrameCallback(onFrame);
      const u = Math.min(width, height) / 720;
      context.drawImage(video, units.x * u, units.y * u, units.width * u, units.height * u, 0, 0, canvas.width, canvas.height);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      let text = '';
      for (let i = 0; i < columns * rows; i += 1) {
        let sum = 0;
        for (let y = 1; y < cell - 1; y += 1) {
          for (let x = 1; x < cell - 1; x += 1) {
            sum += data[4 * ((Math.floor(i / columns) * cell + y) * canvas.width + (i % columns) * cell + x) + 1];
          }
        }
        text += String.fromCharCode(Math.round(sum / (cell - 2) ** 2));
      }
      let told = null;
      if (now > toldAt) {
        toldAt = now + ${TOLD_MS};
        told = window.__touchline?.stats().latency ?? null;
      }
      seen.rows.push([expectedDisplayTime, Date.now() - performance.now(), presentedFrames, video.playbackRate, Math.min(width, height), told, text]);
    };
    video.requestVideoFrameCallback(onFrame);
  };
  const find = () => {
    const video = document.querySelector('video');
    if (video === null) {
      requestAnimationFrame(find);
    } else {
      watch(video);
    }
  };
  find();
})()`;

/** Asks the page for what it has noted, as JSON. */
export const READ_RECORDER = `JSON.stringify({
  clicked: window.__glass.clicked ?? 0,
  now: performance.now(),
  rows: window.__glass.rows,
  fetches: performance.getEntriesByType('resource')
    .map(({ name, startTime, responseEnd }) => [name, startTime, responseEnd])
    .filter(([name]) => name.split('?')[0].endsWith('.m4s')),
})`;

const recordedSchema = z.strictObject({
  clicked: z.number(),
  now: z.number(),
  rows: z.array(
    z.tuple([
      z.number(),
      z.number(),
      z.number(),
      z.number(),
      z.number(),
      z.number().nullable(),
      z.string(),
    ]),
  ),
  fetches: z.array(z.tuple([z.string(), z.number(), z.number()])),
});

/** A segment that the page fetched. */
export interface Fetched {
  readonly rendition: string;
  readonly n: number;
  readonly asked: number;
  readonly fetched: number;
}

/** What a page noted, in milliseconds of the wall clock. */
export interface Recorded {
  readonly presented: readonly Presented[];
  readonly fetches: readonly Fetched[];
  /** From the click, or from opening the page, to the first picture. */
  readonly firstPictureMs: number;
  readonly until: number;
  /** The wall clock minus the page's own, which runs evenly from the page's opening on: how far that moved. */
  readonly clockMovedMs: number;
}

/** `Date.now()` is cut to whole milliseconds: on the average it is half a one late. */
const DATE_CUT_MS = 0.5;

/** Reads what {@link READ_RECORDER} gave. */
export function parseRecorded(text: string): Recorded {
  const { rows, fetches, clicked, now } = recordedSchema.parse(JSON.parse(text));
  const offsets = rows.map(([, offset]) => offset).sort((a, b) => a - b);
  const offset = (offsets[Math.floor(offsets.length / 2)] ?? 0) + DATE_CUT_MS;
  const presented = rows.map(([at, , count, rate, height, told, cells]) => ({
    at: at + offset,
    count,
    rate,
    height,
    stamp: stampOfCells(Array.from(cells, (cell) => cell.charCodeAt(0))),
    told: told ?? undefined,
  }));
  return {
    presented,
    fetches: fetches.flatMap(([name, asked, fetched]) => {
      const parts = /\/(?<rendition>[va]\d+)\/(?<n>\d+)\.m4s/.exec(name)?.groups;
      return parts === undefined
        ? []
        : [
            {
              rendition: parts['rendition'] ?? '',
              n: Number(parts['n']),
              asked: asked + offset,
              fetched: fetched + offset,
            },
          ];
    }),
    firstPictureMs: (rows[0]?.[0] ?? Number.NaN) - clicked,
    until: now + offset,
    clockMovedMs: (offsets.at(-1) ?? 0) - (offsets[0] ?? 0),
  };
}
