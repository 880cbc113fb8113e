/** Words for an address whose channels cannot be shown. Pure. */
import { MOST_VIEWED, pagePath, parsePage, type Multiview } from '#common/contracts/delivery';

/** What is said. */
export interface Explanation {
  readonly title: string;
  readonly text: string;
  /** Those of the channels that can be shown; empty: none. */
  readonly channels: readonly string[];
}

/** The words for an address. */
export function explanationOf(page: Multiview | undefined): Explanation {
  const isName = (channel: string): boolean =>
    parsePage(pagePath({ page: 'watch', channel })) !== undefined;
  const channels = [...new Set(page?.channels.filter(isName))].slice(0, MOST_VIEWED);
  switch (page?.fault) {
    case 'too-many':
      return {
        title: `At most ${MOST_VIEWED} channels at once`,
        text: `The address names ${page.channels.length}.`,
        channels,
      };
    case 'repeated':
      return {
        title: 'A channel is named twice',
        text: 'Each can be shown once.',
        channels,
      };
    case 'malformed':
    case undefined:
      return {
        title: 'There is no such channel',
        text: 'Check the address: names of channels have small letters, digits and dashes, with a plus between them.',
        channels,
      };
  }
}
