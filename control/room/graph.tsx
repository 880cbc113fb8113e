/** A live graph of the last minutes, with its present figure above it. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import UPlot from 'uplot';

/** One line of a graph. */
export interface GraphLine {
  readonly label: string;
  readonly values: readonly (number | null)[];
}

interface GraphProps {
  readonly title: string;
  readonly figure: ComponentChildren;
  /** Seconds since the epoch. */
  readonly times: readonly number[];
  readonly lines: readonly GraphLine[];
  readonly format: (value: number) => string;
  /** The scale reaches at least from zero to here. */
  readonly atLeast: number;
}

const COLOURS = ['#36d27f', '#8fd3ff', '#ffc857', '#ff8fab', '#b79bff', '#ff9f5a', '#d5dce1'];
const HEIGHT = 124;
const QUIET = '#a3adb6';
const RULE = '#232a31';
const FONT = '11px system-ui, sans-serif';
const MOST_SECONDS = 300;
/** A graph that has just begun is not a dot at its end. */
const LEAST_SECONDS = 60;

/** As much of the past as is known. */
const spanOf = (min: number, max: number): [number, number] => [
  max - Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, max - min)),
  max,
];

/** The top of a scale: a number whose half is round as well. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 3, 4, 6, 8, 10].find((candidate) => candidate * power >= value * 0.999_999);
  return (step ?? 10) * power;
}

/** A time of day in the viewer's manner. */
const clockTime = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleTimeString(undefined, { timeStyle: 'medium' });

/** Half of a time's width: a label nearer to an end would be cut off. */
const HALF_LABEL = 36;
const hasRoom = (plot: UPlot, seconds: number): boolean =>
  plot.valToPos(seconds, 'x') <= plot.over.clientWidth - HALF_LABEL;

/** Colour of a graph's line. */
export const lineColour = (at: number): string => COLOURS[at % COLOURS.length] ?? QUIET;

/** Lines with their colours in the order they are drawn: where they lie on each other the first is seen. */
const drawn = (lines: readonly GraphLine[]): readonly (GraphLine & { colour: string })[] =>
  lines.map((line, at) => ({ ...line, colour: lineColour(at) })).toReversed();

function optionsOf(props: GraphProps, width: number): UPlot.Options {
  const { lines, format, atLeast } = props;
  const axis = { stroke: QUIET, font: FONT, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    cursor: { show: false },
    legend: { show: false },
    padding: [8, 2, 0, 0],
    scales: {
      x: { range: (_plot, min, max) => spanOf(min, max) },
      y: { range: (_plot, _min, max) => [0, niceTop(Math.max(atLeast, (max ?? 0) * 1.1))] },
    },
    axes: [
      {
        ...axis,
        size: 22,
        space: 110,
        grid: { show: false },
        values: (plot, splits) =>
          splits.map((split) => (hasRoom(plot, split) ? clockTime(split) : '')),
      },
      {
        ...axis,
        size: 46,
        gap: 4,
        splits: (_plot, _axis, _min, max) => [0, max / 2, max],
        grid: { stroke: RULE, width: 1 },
        values: (_plot, splits) => splits.map(format),
      },
    ],
    series: [
      {},
      ...drawn(lines).map(({ label, colour }) => ({
        label,
        stroke: colour,
        width: 1.75,
        points: { show: false },
        ...(lines.length === 1 ? { fill: 'rgb(54 210 127 / 10%)' } : {}),
      })),
    ],
  };
}

const dataOf = ({ times, lines }: GraphProps): UPlot.AlignedData => [
  [...times],
  ...drawn(lines).map(({ values }) => [...values]),
];

/** What the lines show, for those who do not see them. */
function summaryOf({ title, lines, format }: GraphProps): string {
  const told = lines.map(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    return known.length === 0
      ? `${label}: nothing yet`
      : `${label}: between ${format(Math.min(...known))} and ${format(Math.max(...known))}`;
  });
  return `${title}, last five minutes. ${told.join('; ')}`;
}

/** See the head of this file. */
export function Graph(props: GraphProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | undefined>(undefined);
  const labels = props.lines.map(({ label }) => label).join(' ');
  useEffect(() => {
    const host = place.current;
    if (host === null) {
      return undefined;
    }
    const made = new UPlot(optionsOf(props, host.clientWidth), dataOf(props), host);
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: host.clientWidth, height: HEIGHT });
    });
    observer.observe(host);
    return () => {
      observer.disconnect();
      made.destroy();
    };
    // The lines' names make another graph; new values are put into this one below.
  }, [labels]);
  useEffect(() => {
    plot.current?.setData(dataOf(props));
  });
  return (
    <figure class="graph">
      <figcaption>
        <span class="graph-title">{props.title}</span>
        <span class="graph-figure">{props.figure}</span>
      </figcaption>
      <div ref={place} class="graph-plot" role="img" aria-label={summaryOf(props)} />
    </figure>
  );
}
