/** What the page says over the picture, in words for viewers. */
import type { SessionState } from './session.ts';

/** A message with at most one thing to do. */
export interface Message {
  readonly icon: 'clock' | 'signal' | 'flag' | 'alert';
  readonly title: string;
  readonly text: string;
  readonly action?: { readonly label: string; readonly does: 'watch-recording' };
}

/**
 * The message for a state; undefined: the picture speaks for itself.
 * @param isOnline what the browser says of its network
 */
export function messageFor(state: SessionState, isOnline: boolean): Message | undefined {
  switch (state) {
    case 'waiting':
      return {
        icon: 'clock',
        title: 'Not on air yet',
        text: 'Stay here: the picture starts by itself when the broadcast begins.',
      };
    case 'trouble':
      return isOnline
        ? {
            icon: 'signal',
            title: 'The stream was interrupted',
            text: 'Trying again. There is nothing you need to do.',
          }
        : {
            icon: 'signal',
            title: 'You are offline',
            text: 'The picture comes back as soon as your connection does.',
          };
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
