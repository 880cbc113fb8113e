/** Tests that need a program or a right which not every machine has: skipped without it, and the summary says so. */
import { describe, test } from '@jest/globals';
import { skippedName } from '../../scripts/jest/want.mjs';

/** What a test needs, as the summary names it, and whether it is there. */
export interface Need {
  readonly name: string;
  readonly isMet: boolean;
}

/** The right to do what only root may. */
export const ROOT: Need = { name: 'root', isMet: process.getuid?.() === 0 };

/** `describe`, or a skipped group whose name says for want of what. */
export function describeWith(need: Need, name: string, group: () => void): void {
  if (need.isMet) {
    describe(name, () => {
      group();
    });
    return;
  }
  // oxlint-disable-next-line jest/no-disabled-tests -- skipping stands here and nowhere else, with its reason
  describe.skip(skippedName(name, need.name), () => {
    group();
  });
}

/** `test`, or a skipped test whose name says for want of what. */
export function testWith(need: Need, name: string, body: () => Promise<void>): void {
  if (need.isMet) {
    test(name, body);
    return;
  }
  // oxlint-disable-next-line jest/no-disabled-tests -- skipping stands here and nowhere else, with its reason
  test.skip(skippedName(name, need.name), body);
}
