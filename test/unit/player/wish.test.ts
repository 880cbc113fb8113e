import { describe, expect, test } from '@jest/globals';
import { Wish } from '../../../player/wish.ts';

/** A wish by a clock that the test moves. */
function openWish(): { readonly wish: Wish; readonly pass: (ms: number) => void } {
  let now = 0;
  return {
    wish: new Wish(() => now),
    pass: (ms) => {
      now += ms;
    },
  };
}

describe('steps in quick succession', () => {
  test('count from where the last one leads, though the element is not there yet', () => {
    const { wish } = openWish();
    expect(wish.from(1_000)).toBe(1_000);
    wish.ask(990);
    expect(wish.from(1_000)).toBe(990);
    wish.ask(980);
    wish.arrived(990);
    expect(wish.from(990)).toBe(980);
  });

  test('count from the picture once it is there, and when the engine went elsewhere', () => {
    const { wish, pass } = openWish();
    wish.ask(990);
    wish.arrived(990.4);
    expect(wish.from(993)).toBe(993);
    wish.ask(983);
    pass(5_001);
    expect(wish.from(1_000)).toBe(1_000);
  });
});
