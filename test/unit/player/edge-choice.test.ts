import { describe, expect, test } from '@jest/globals';
import {
  choose,
  locateAt,
  moveFrom,
  parseDirectory,
  parseKept,
} from '../../../player/edge-choice.ts';

const NOW = 1_800_000_000_000;
const PAGE = 'http://page.example';
const A = 'https://a.example:8443';
const B = 'http://b.example';
const answer = { edges: [A, B], validMs: 60_000 };
const choice = choose(answer, PAGE, undefined, NOW);

describe('the directory’s answer', () => {
  test('is read as far as it makes sense', () => {
    const edges = [{ url: `${A}/` }, { url: 'javascript:1' }, { id: 'x' }, null, { url: B }];
    expect(parseDirectory(JSON.stringify({ edges, validSeconds: 60 }))).toEqual(answer);
  });

  test.each(['', '{', 'null', '[]', '{"edges":[]}', `{"edges":[{"url":"${A}"}]}`])(
    'that says nothing is none: %j',
    (text) => {
      expect(parseDirectory(text)).toBeUndefined();
    },
  );

  test('names the nearest first, keeps the one in use, and has the page’s own edge for the worst case', () => {
    expect(choice).toEqual({ edges: [A, B, PAGE], current: A, expiresAt: NOW + 60_000 });
    expect(choose(answer, PAGE, B, NOW).current).toBe(B);
    expect(choose(answer, PAGE, 'http://gone.example', NOW).current).toBe(A);
    expect(choose({ ...answer, edges: [PAGE, B] }, PAGE, undefined, NOW).edges).toEqual([PAGE, B]);
  });
});

describe('what is kept', () => {
  const kept = JSON.stringify(choice);

  test('holds until it expires', () => {
    expect(parseKept(kept, NOW)).toEqual(choice);
    expect(parseKept(kept, NOW + 59_999)).toEqual(choice);
    expect(parseKept(kept, NOW + 60_000)).toBeUndefined();
  });

  test.each([
    undefined,
    '',
    '[]',
    kept.replace(`"current":"${A}"`, '"current":"http://other.example"'),
    kept.replace('"expiresAt":', '"expiresAt":9'),
  ])('is not believed when it is %j', (text) => {
    expect(parseKept(text, NOW)).toBeUndefined();
  });
});

describe('when an edge fails', () => {
  test('the next takes over, round and round', () => {
    const second = moveFrom(choice, A);
    const third = moveFrom(second, B);
    expect([second, third, moveFrom(third, PAGE)].map(({ current }) => current)).toEqual([
      B,
      PAGE,
      A,
    ]);
  });

  test('that is not in use any more, nothing changes', () => {
    expect(moveFrom(choice, B)).toBe(choice);
    const alone = { ...choice, edges: [A] };
    expect(moveFrom(alone, A)).toBe(alone);
  });

  test('addresses of every edge lead to the one in use, others stay as they are', () => {
    const moved = moveFrom(choice, A);
    expect(locateAt(moved, `${A}/live/main/1.m4s?x=1`, PAGE)).toBe(`${B}/live/main/1.m4s?x=1`);
    expect(locateAt(moved, '/live/main/index.mpd', PAGE)).toBe(`${B}/live/main/index.mpd`);
    expect(locateAt(moved, 'https://other.example/x', PAGE)).toBe('https://other.example/x');
    expect(locateAt(moved, 'data:text/plain,x', PAGE)).toBe('data:text/plain,x');
  });
});
