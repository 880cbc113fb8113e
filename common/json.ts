/** Reads what may be damaged or of another version: text that is not JSON of the shape wanted is as if it were not there. */
import type { z } from 'zod';

/** The value of a text; undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What a text holds, checked; undefined where there is no text, or what it holds is not of the schema. */
export function readJson<S extends z.ZodType>(
  schema: S,
  text: string | null | undefined,
): z.output<S> | undefined {
  return text === null || text === undefined ? undefined : schema.safeParse(parseJson(text)).data;
}
