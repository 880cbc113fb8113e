/** What the page says over the picture, in words for viewers. */
import type { SessionState } from './session.ts';

/** A message with at most one thing to do. */
export interface Message {
  readonly icon: 'clock' | 'signal' | 'flag' | 'alert';
  readonly title: string;
  readonly text: string;
  readonly action?: { readonly label: string; readonly does: 'watch-recording' };
}

const NOT_ON_AIR: Message = {
  icon: 'clock',
  title: 'Not on air yet',
  text: 'Stay here: the picture starts by itself when the broadcast begins.',
};
const NO_SUCH_CHANNEL: Message = {
  icon: 'alert',
  title: 'There is no such channel',
  text: 'Check the address. If the channel is made later, the picture starts here by itself.',
};
const INTERRUPTED: Message = {
  icon: 'signal',
  title: 'The stream was interrupted',
  text: 'Trying again. There is nothing you need to do.',
};
const UNREACHABLE: Message = {
  icon: 'signal',
  title: 'Our servers cannot be reached',
  text: 'None of them answers right now. Trying again by itself.',
};
const OFFLINE: Message = {
  icon: 'signal',
  title: 'You are offline',
  text: 'The picture comes back as soon as your connection does.',
};

/** What a message depends on beside the state. */
export interface Circumstances {
  /** What the browser says of its network. */
  readonly isOnline: boolean;
  /** Whether there is such a channel, as the edge said with the page. */
  readonly isKnown: boolean;
  /** Whether any edge has answered lately. */
  readonly isReachable: boolean;
}

/** The message for a state; undefined: the picture speaks for itself. */
export function messageFor(
  state: SessionState,
  { isOnline, isKnown, isReachable }: Circumstances,
): Message | undefined {
  switch (state) {
    case 'waiting':
      return isKnown ? NOT_ON_AIR : NO_SUCH_CHANNEL;
    case 'trouble':
      return isOnline ? (isReachable ? INTERRUPTED : UNREACHABLE) : OFFLINE;
    case 'ended':
      return {
        icon: 'flag',
        title: 'The broadcast has ended',
        text: 'Thank you for watching. The next one starts here by itself.',
        action: { label: 'Watch the recording', does: 'watch-recording' },
      };
    case 'unsupported':
      return {
        icon: 'alert',
        title: 'This browser cannot play the stream',
        text: 'It needs Media Source Extensions with H.264 and AAC. A current Chrome, Edge, Firefox or Safari has them.',
      };
    case 'looking':
    case 'starting':
    case 'live':
    case 'recording':
      return undefined;
  }
}
