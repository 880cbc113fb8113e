import { describe, expect, test } from '@jest/globals';
import { parseMultiview } from '#common/contracts/delivery';
import { Renditions } from '../../../../player/engine/renditions.ts';
import { paceOf } from '../../../../player/engine/pace.ts';
import { CommonDistance } from '../../../../player/multiview/common-distance.ts';
import { explanationOf } from '../../../../player/multiview/explanation.ts';
import { actionOf } from '../../../../player/multiview/key-actions.ts';
import { statusText } from '../../../../player/multiview/status-text.ts';

describe('the common distance', () => {
  test('is the largest that any needs, for as long as that one is there', () => {
    const common = new CommonDistance();
    const [near, far] = [common.place(), common.place()];
    expect(near.held()).toBe(0);
    expect(near.agree(0.4)).toBe(0.4);
    expect(far.agree(0.9)).toBe(0.9);
    expect(near.agree(0.4)).toBe(0.9);
    expect(far.agree(0.6)).toBe(0.6);
    far.leave();
    expect(near.agree(0.44)).toBe(0.44);
    near.leave();
    expect(common.value).toBe(0);
  });
});

describe('the pace in company', () => {
  test('puts right what would show another frame, and alone leaves it', () => {
    const steady = { rate: 1, ahead: 0.1, isStarving: false };
    expect(paceOf(0.015, steady)).toEqual({ kind: 'rate', rate: 1 });
    expect(paceOf(0.015, { ...steady, inCompany: 'sound' })).toEqual({ kind: 'rate', rate: 1.01 });
    expect(paceOf(-0.003, { ...steady, inCompany: 'sound' })).toEqual({ kind: 'rate', rate: 1 });
  });
});

describe('the renditions of small pictures', () => {
  const made = [1080, 720, 480, 360].map((height) => ({
    id: `v${height}`,
    type: '',
    bandwidthBps: height * 1000,
    width: (height * 16) / 9,
    height,
    init: '',
  }));
  test('are no larger than their place on the screen asks for, and smaller where nobody looks', () => {
    const chosenFor = (pixels: number, detail: number): string =>
      new Renditions(made, 0, { now: () => 0, screenHeight: () => pixels * detail }).next();
    expect(chosenFor(1080, 1)).toBe('v1080');
    expect(chosenFor(500, 1)).toBe('v720');
    expect(chosenFor(500, 0.7)).toBe('v360');
    expect(chosenFor(200, 0.7)).toBe('v360');
  });
});

describe('the address of several channels', () => {
  const fault = (list: string): string | undefined => parseMultiview(`/watch/${list}`)?.fault;

  test('names up to four, each once', () => {
    expect(parseMultiview('/watch/a+b+c+d?x=1')).toEqual({
      page: 'multiview',
      channels: ['a', 'b', 'c', 'd'],
    });
    expect(parseMultiview('/watch/a%2Bcup-final')?.channels).toEqual(['a', 'cup-final']);
    expect(fault('a+b+c+d+e')).toBe('too-many');
    expect(fault('a+b+a')).toBe('repeated');
    for (const list of ['a+', '+', 'a++b', 'a+B', 'a+<b>', `a+${'b'.repeat(64)}`]) {
      expect(fault(list)).toBe('malformed');
    }
    for (const path of ['/watch/a', '/embed/a+b', '/watch/a/b+c', `/watch/${'a+'.repeat(600)}`]) {
      expect(parseMultiview(path)).toBeUndefined();
    }
  });

  test('if it cannot be shown, is explained with what can', () => {
    const explain = (list: string) => explanationOf(parseMultiview(`/watch/${list}`));
    expect(explain('a+b+c+d+e')).toMatchObject({ channels: ['a', 'b', 'c', 'd'] });
    expect(explain('a+a')).toMatchObject({ title: 'A channel is named twice', channels: ['a'] });
    expect(explain('B+<a>')).toMatchObject({ channels: [] });
    expect(explanationOf(undefined)).toMatchObject({ channels: [] });
  });
});

describe('keys', () => {
  test('do what the page says', () => {
    const done: string[] = [];
    const note =
      (name: string) =>
      (value?: string | number): void => {
        done.push(value === undefined ? name : `${name} ${value}`);
      };
    const actions = {
      choose: note('choose'),
      go: note('go'),
      toggleSound: note('sound'),
      toggleFullScreen: note('full screen'),
      toggleLayout: note('layout'),
      togglePlay: note('play'),
      leave: note('leave'),
    };
    for (const key of ['1', '4', 'ArrowLeft', 'ArrowDown', 'm', 'f', 'l', 'k', ' ', 'Escape']) {
      actionOf(key, actions)?.();
    }
    expect(done).toEqual([
      'choose 0',
      'choose 3',
      'go left',
      'go down',
      'sound',
      'full screen',
      'layout',
      'play',
      'play',
      'leave',
    ]);
    expect(actionOf('0', actions)).toBeUndefined();
    expect(actionOf('Tab', actions)).toBeUndefined();
  });
});

describe('the line under the pictures', () => {
  test('says how far behind the furthest is, and whether they are together', () => {
    expect(statusText([], 1000)).toBe('');
    expect(statusText([400], 1000)).toBe('0.60 s behind the camera');
    expect(statusText([400, 420], 1000)).toBe(
      '0.60 s behind the camera  ·  all at the same moment',
    );
    expect(statusText([400, 500], 1000)).toContain('coming together');
  });
});
