/** A figure on the page, with the name of what it is read from: tests compare every one with its source. */
import type { JSX } from 'preact';
import type { Level } from './judgement.ts';

interface FigureProps {
  /** `workers/<id>/done` and the like. */
  readonly source: string;
  readonly text: string;
  readonly level?: Level;
  readonly class?: string;
}

/** See the head of this file. */
export const Figure = ({ source, text, level, class: name = '' }: FigureProps): JSX.Element => (
  <span data-source={source} class={`figure ${name}`} data-level={level}>
    {text}
  </span>
);
