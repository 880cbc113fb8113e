import { describe, expect, test } from '@jest/globals';
import { Acknowledgements, PeerBandwidth, WINDOW } from '../../../ingest/rtmp/acknowledgements.ts';

/** Feeds `total` bytes in steps. @returns every sequence number that was due, with the bytes that had come by then */
function acknowledge(
  acknowledgements: Acknowledgements,
  total: number,
  step: number,
): { readonly sent: number; readonly sequence: number }[] {
  const due: { sent: number; sequence: number }[] = [];
  for (let sent = step; sent <= total; sent += step) {
    acknowledgements.receive(step);
    const sequence = acknowledgements.due();
    if (sequence !== undefined) {
      due.push({ sent, sequence });
    }
  }
  return due;
}

describe('acknowledgements', () => {
  test.each([1, 20_000, 2_500_000, WINDOW])(
    'let an encoder with a window of %i never wait for one',
    (window) => {
      const acknowledgements = new Acknowledgements();
      acknowledgements.setWindow(window);
      const step = Math.max(1, Math.floor(window / 8));
      const due = acknowledge(acknowledgements, step * 1000, step);
      let last = 0;
      for (const { sent, sequence } of due) {
        expect(sent - last).toBeLessThanOrEqual(window);
        expect(sequence).toBe(sent);
        last = sequence;
      }
      expect(step * 1000 - last).toBeLessThan(window);
    },
  );

  test('fit our window when the encoder names none, zero or a larger one', () => {
    for (const window of [undefined, 0, 2 ** 32 - 1]) {
      const acknowledgements = new Acknowledgements();
      if (window !== undefined) {
        acknowledgements.setWindow(window);
      }
      const due = acknowledge(acknowledgements, 50_000_000, 1000);
      expect(due).toHaveLength(20);
      expect(due[0]).toEqual({ sent: WINDOW / 2, sequence: WINDOW / 2 });
    }
  });

  test('have 32 bits, which wrap', () => {
    const acknowledgements = new Acknowledgements();
    const step = 2 ** 30;
    const due = acknowledge(acknowledgements, step * 9, step);
    const sequences = due.map(({ sequence }) => sequence / step);
    expect(sequences).toEqual([1, 2, 3, 0, 1, 2, 3, 0, 1]);
  });
});

describe('a peer that limits what it is sent', () => {
  test('is told the window when it changes', () => {
    const bandwidth = new PeerBandwidth();
    expect(bandwidth.set(WINDOW, 2)).toBeUndefined();
    expect(bandwidth.set(1000, 2)).toBeUndefined();
    expect(bandwidth.set(WINDOW * 2, 1)).toBeUndefined();
    expect(bandwidth.set(1000, 1)).toBe(1000);
    expect(bandwidth.set(3000, 0)).toBe(3000);
    expect(bandwidth.set(4000, 2)).toBe(4000);
    expect(bandwidth.set(4000, 0)).toBeUndefined();
    expect(bandwidth.set(0, 0)).toBeUndefined();
  });
});
