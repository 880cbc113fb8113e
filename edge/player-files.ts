/** The built player: its pages, its icon and its assets. */
import { z } from 'zod';
import { assetListSchema, readBuiltPages, type BuiltFile } from '#common/built-pages';

/** `player/dist/manifest.json`, written by the player's build. */
const manifestSchema = assetListSchema.extend({
  pages: z.strictObject({ watch: z.string(), embed: z.string(), multiview: z.string() }),
  icon: z.string(),
});

/** See the head of this file. */
export interface PlayerFiles {
  readonly pages: Readonly<Record<'watch' | 'embed' | 'multiview', BuiltFile>>;
  /** Name of the icon among the assets. */
  readonly icon: string;
  readonly assets: ReadonlyMap<string, BuiltFile>;
}

/**
 * Reads the player's build.
 * @param folder `player/dist`
 * @throws when it is not there or not whole
 */
export async function readPlayerFiles(folder: string): Promise<PlayerFiles> {
  const { manifest, assets, readPage } = await readBuiltPages(folder, manifestSchema, {
    gzip: true,
  });
  return {
    pages: {
      watch: await readPage(manifest.pages.watch),
      embed: await readPage(manifest.pages.embed),
      multiview: await readPage(manifest.pages.multiview),
    },
    icon: manifest.icon,
    assets,
  };
}
