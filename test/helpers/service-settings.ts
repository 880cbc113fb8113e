/** Every service's settings, taken from the schemas themselves. */
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const ROOT = new URL('../../', import.meta.url);

/** The services that have settings. */
export const SERVICES = [
  'control',
  'scheduler',
  'aggregator',
  'ingest',
  'transcoder',
  'edge',
] as const;

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  if (schema instanceof z.ZodPipe) {
    return shapeOf(schema.in);
  }
  return schema instanceof z.ZodObject ? schema.shape : undefined;
}

/** A service's schema and its settings by name. */
export async function settingsOf(
  service: string,
): Promise<{ readonly schema: z.ZodType; readonly shape: Record<string, unknown> }> {
  const module: unknown = await import(fileURLToPath(new URL(`${service}/config.ts`, ROOT)));
  const name = `${service}Settings`;
  const schema: unknown = new Map(Object.entries(Object(module))).get(name);
  const shape = shapeOf(schema);
  if (shape === undefined || !(schema instanceof z.ZodType)) {
    throw new Error(`${service}/config.ts exports no schema ${name}`);
  }
  return { schema, shape };
}
