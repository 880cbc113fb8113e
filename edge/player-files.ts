/** The built player, read into memory once: a name that is not in its list is not a file. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** `player/dist/manifest.json`, written by the player's build. */
const manifestSchema = z.strictObject({
  pages: z.strictObject({ watch: z.string(), embed: z.string() }),
  icon: z.string(),
  assets: z.array(z.strictObject({ name: z.string(), type: z.string() })),
});

/** One file in the forms it can be sent. */
export interface PlayerFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer | undefined;
  readonly brotli: Buffer | undefined;
}

/** See the head of this file. */
export interface PlayerFiles {
  readonly pages: Readonly<Record<'watch' | 'embed', PlayerFile>>;
  /** Name of the icon among the assets. */
  readonly icon: string;
  readonly assets: ReadonlyMap<string, PlayerFile>;
}

/**
 * Reads the player's build.
 * @param folder `player/dist`
 * @throws when it is not there or not whole
 */
export async function readPlayerFiles(folder: string): Promise<PlayerFiles> {
  const manifest = manifestSchema.parse(
    JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')),
  );
  const read = async (name: string, type: string): Promise<PlayerFile> => ({
    type,
    plain: await readFile(path.join(folder, name)),
    gzip: await readIfThere(path.join(folder, `${name}.gz`)),
    brotli: await readIfThere(path.join(folder, `${name}.br`)),
  });
  const html = 'text/html; charset=utf-8';
  const assets = await Promise.all(
    manifest.assets.map(
      async ({ name, type }) => [name, await read(path.join('assets', name), type)] as const,
    ),
  );
  return {
    pages: {
      watch: await read(manifest.pages.watch, html),
      embed: await read(manifest.pages.embed, html),
    },
    icon: manifest.icon,
    assets: new Map(assets),
  };
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch {
    return undefined;
  }
}
