/** Starts the control room. */
import { render } from 'preact';
import { config } from 'zod';
import { listenToRoom } from './event-source.ts';
import { INITIAL, afterEvent } from './room-state.ts';
import { RoomPage } from './room-page.tsx';

// The page's policy forbids making code from text, which zod would try for speed.
config({ jitless: true });

const place = document.querySelector('#room');
if (place === null) {
  throw new Error('page has no place for the room');
}
let state = INITIAL;
const draw = (): void => {
  render(<RoomPage state={state} />, place);
};
draw();
listenToRoom((event) => {
  state = afterEvent(state, event);
  draw();
});
