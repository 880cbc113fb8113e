import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { parseJson, readJson } from '#common/json';

const schema = z.strictObject({ n: z.int() });

describe('a value that Redis or the store holds', () => {
  test('is read when it is of its shape', () => {
    expect(readJson(schema, '{"n":4}')).toEqual({ n: 4 });
  });

  test.each([null, undefined, '', '{"n":', '{"n":"4"}', '{"n":4,"other":1}', 'null'])(
    'is as if it were not there when it is %j',
    (text) => {
      expect(readJson(schema, text)).toBeUndefined();
    },
  );

  test('is told apart from text that is no JSON at all', () => {
    expect(parseJson('null')).toBeNull();
    expect(parseJson('nonsense')).toBeUndefined();
  });
});
