/** The built control room, read into memory once: a name that is not in its list is not a file. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** `control/room/dist/manifest.json`, written by the control room's build. */
const manifestSchema = z.strictObject({
  page: z.string(),
  queueBoardHead: z.string(),
  assets: z.array(z.strictObject({ name: z.string(), type: z.string() })),
});

/** One file in the forms it can be sent. */
export interface RoomFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly brotli: Buffer;
}

/** See the head of this file. */
export interface RoomFiles {
  readonly page: RoomFile;
  /** What the queue board's page gets in its head. */
  readonly queueBoardHead: string;
  readonly assets: ReadonlyMap<string, RoomFile>;
}

/** The folder lies beside this one in the sources, and two levels further up from `dist/control/api`. */
function findBuild(): string | undefined {
  const here = path.dirname(fileURLToPath(import.meta.url));
  return ['../room/dist', '../../../control/room/dist']
    .map((relative) => path.join(here, relative))
    .find((folder) => existsSync(path.join(folder, 'manifest.json')));
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
  const manifest = manifestSchema.parse(
    JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')),
  );
  const read = async (name: string, type: string): Promise<RoomFile> => ({
    type,
    plain: await readFile(path.join(folder, name)),
    brotli: await readFile(path.join(folder, `${name}.br`)),
  });
  const assets = await Promise.all(
    manifest.assets.map(
      async ({ name, type }) => [name, await read(path.join('assets', name), type)] as const,
    ),
  );
  return {
    page: await read(manifest.page, 'text/html; charset=utf-8'),
    queueBoardHead: manifest.queueBoardHead,
    assets: new Map(assets),
  };
}
