/** A built folder of pages, read into memory once: a name that is not in its list is not a file. `scripts/pages-build.mjs` writes it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** The file that lists what is in the folder; without it nothing is built. */
export const MANIFEST_FILE = 'manifest.json';

/** What every manifest says: the assets, whose names carry a hash of what is in them. */
export const assetListSchema = z.strictObject({
  assets: z.array(z.strictObject({ name: z.string(), type: z.string() })),
});

/** One file in the forms it can be sent. */
export interface BuiltFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly brotli: Buffer;
  /** Only where the build makes it. */
  readonly gzip: Buffer | undefined;
}

/** A folder as its manifest lists it. */
export interface BuiltPages<M> {
  readonly manifest: M;
  readonly assets: ReadonlyMap<string, BuiltFile>;
  readonly readPage: (name: string) => Promise<BuiltFile>;
}

/**
 * Reads a build's manifest and assets.
 * @throws when it is not there or not whole
 */
export async function readBuiltPages<M extends z.infer<typeof assetListSchema>>(
  folder: string,
  schema: z.ZodType<M>,
  forms: { readonly gzip: boolean },
): Promise<BuiltPages<M>> {
  const manifest = schema.parse(
    JSON.parse(await readFile(path.join(folder, MANIFEST_FILE), 'utf8')),
  );
  const read = async (name: string, type: string): Promise<BuiltFile> => {
    const file = path.join(folder, name);
    return {
      type,
      plain: await readFile(file),
      brotli: await readFile(`${file}.br`),
      gzip: forms.gzip ? await readFile(`${file}.gz`) : undefined,
    };
  };
  const assets = await Promise.all(
    manifest.assets.map(
      async ({ name, type }) => [name, await read(path.join('assets', name), type)] as const,
    ),
  );
  return {
    manifest,
    assets: new Map(assets),
    readPage: (name) => read(name, 'text/html; charset=utf-8'),
  };
}
