/** docker-compose.yml as the engine would read it: variables put in, anchors and merges resolved. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const FILE = new URL('../../docker-compose.yml', import.meta.url);

const serviceSchema = z.looseObject({
  image: z.string(),
  command: z.union([z.string(), z.array(z.string())]).optional(),
  environment: z.record(z.string(), z.coerce.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  stop_grace_period: z.string().optional(),
  restart: z.string().optional(),
  read_only: z.boolean().optional(),
  container_name: z.string().optional(),
  networks: z.array(z.string()).default([]),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  deploy: z
    .looseObject({
      replicas: z.number().optional(),
      resources: z.looseObject({ limits: z.looseObject({ memory: z.string() }) }),
    })
    .optional(),
});
/** One service of the file. */
export type ComposeService = z.infer<typeof serviceSchema>;

/** What tests look at. */
export interface ComposeFile {
  /** The whole file, variables put in. */
  readonly document: unknown;
  readonly services: ReadonlyMap<string, ComposeService>;
  /** Names of variables without which the engine refuses the file. */
  readonly required: ReadonlySet<string>;
}

/** The file's text, as it is. */
export const composeText = (): string => readFileSync(FILE, 'utf8');

/** Reads the file with an environment. Throws, as the engine does, when a required variable is missing. */
export function readCompose(env: Readonly<Record<string, string>>): ComposeFile {
  const required = new Set<string>();
  const raw: unknown = parse(composeText(), { merge: true });
  const document = putIn(raw, (text) => interpolate(text, env, required));
  const { services } = z
    .looseObject({ services: z.record(z.string(), serviceSchema) })
    .parse(document);
  return { document, services: new Map(Object.entries(services)), required };
}

/** `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `$$` (compose specification, "Interpolation"). */
function interpolate(
  text: string,
  env: Readonly<Record<string, string>>,
  required: Set<string>,
): string {
  return text.replace(
    /\$(?:(\$)|\{([A-Z0-9_]+)(?::([-?])([^}]*))?\})/g,
    (_all, dollar: string | undefined, name: string, kind: string | undefined, rest: string) => {
      if (dollar !== undefined) {
        return '$';
      }
      const value = env[name] ?? '';
      if (kind === '?') {
        required.add(name);
        if (value === '') {
          throw new Error(`${name}: ${rest}`);
        }
      }
      return value === '' && kind === '-' ? rest : value;
    },
  );
}

function putIn(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') {
    return change(value);
  }
  if (Array.isArray(value)) {
    return value.map((item) => putIn(item, change));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, putIn(item, change)]),
    );
  }
  return value;
}
