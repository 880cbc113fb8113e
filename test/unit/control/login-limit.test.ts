import { expect, test } from '@jest/globals';
import { LoginLimit } from '../../../control/api/login-limit.ts';

test('one address’s attempts do not lock out another', () => {
  const limit = new LoginLimit();
  for (let attempt = 0; attempt < 100; attempt += 1) {
    limit.attempt('2001:db8::1', 0);
  }
  expect(limit.attempt('2001:db8::2', 15_500)).toBe(45);
  expect(limit.attempt('192.0.2.1', 15_500)).toBeUndefined();
  expect(limit.attempt('2001:db8::1', 60_000)).toBeUndefined();
});

test('a tenfold of the addresses it remembers costs no memory, and no limit of those seen last', () => {
  const limit = new LoginLimit();
  for (let address = 0; address < 100_000; address += 1) {
    limit.attempt(`10.${address >> 16}.${(address >> 8) & 255}.${address & 255}`, 0);
  }
  for (let attempt = 0; attempt < 9; attempt += 1) {
    expect(limit.attempt('10.1.134.159', 1)).toBeUndefined();
  }
  expect(limit.attempt('10.1.134.159', 1)).toBe(60);
});
