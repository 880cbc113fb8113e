import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openFolderStore } from '#common/store/folder';
import type { ObjectStore } from '#common/store/store';
import { testConformance } from '../../helpers/store-conformance.ts';

let root: string;
let store: ObjectStore;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'touchline-store-'));
  store = openFolderStore(root);
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('the folder store', () => {
  testConformance(() => store);

  test('leaves no half-written object behind, neither after races nor after writes given up', async () => {
    expect(await readdir(join(root, '.partial'))).toEqual([]);
  });
});
