/** The built control room: its page, its assets, and what the queue board gets of it. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import {
  MANIFEST_FILE,
  assetListSchema,
  readBuiltPages,
  type BuiltFile,
} from '#common/built-pages';

/** `control/room/dist/manifest.json`, written by the control room's build. */
const manifestSchema = assetListSchema.extend({
  page: z.string(),
  queueBoardHead: z.string(),
});

/** See the head of this file. */
export interface RoomFiles {
  readonly page: BuiltFile;
  /** What the queue board's page gets in its head. */
  readonly queueBoardHead: string;
  readonly assets: ReadonlyMap<string, BuiltFile>;
}

/** The folder lies beside this one in the sources, and two levels further up from `dist/control`. */
function findBuild(): string | undefined {
  const here = path.dirname(fileURLToPath(import.meta.url));
  return ['../room/dist', '../../control/room/dist']
    .map((relative) => path.join(here, relative))
    .find((folder) => existsSync(path.join(folder, MANIFEST_FILE)));
}

/**
 * Reads the build; undefined when there is none.
 * @throws when it is not whole
 */
export async function readRoomFiles(): Promise<RoomFiles | undefined> {
  const folder = findBuild();
  if (folder === undefined) {
    return undefined;
  }
  const { manifest, assets, readPage } = await readBuiltPages(folder, manifestSchema, {
    gzip: false,
  });
  return {
    page: await readPage(manifest.page),
    queueBoardHead: manifest.queueBoardHead,
    assets,
  };
}
