/** Answers of the control API held against its own OpenAPI description: whatever tests are answered must be as it says. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { openApiDocument } from '../../control/api/openapi.ts';

const contentSchema = z.record(
  z.string(),
  z.strictObject({ schema: z.record(z.string(), z.unknown()) }),
);
const operationSchema = z.looseObject({
  responses: z.record(z.string(), z.looseObject({ content: contentSchema.optional() })),
});
const documentSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});

/** What the description says of a path's methods. */
export const described = documentSchema.parse(openApiDocument());

// Formats are told to people; zod checks them on the way in.
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: 'api', components: described.components });
const validators = new Map<string, ValidateFunction>();

/** The template that a path is of: `/v1/channels/{id}`; one without parameters is preferred. */
function templateOf(path: string): string | undefined {
  const bare = path.split('?')[0] ?? '';
  const fits = (template: string): boolean =>
    new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(bare);
  return Object.keys(described.paths)
    .filter(fits)
    .toSorted((a, b) => a.split('{').length - b.split('{').length)[0];
}

/** An answer that was received. */
export interface Answer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** As text; empty: none. */
  readonly text: string;
}

/** What is wrong with an answer, sentences; none for a path that the description does not have. */
export function undescribed({ method, path, status, text }: Answer): readonly string[] {
  const template = templateOf(path);
  if (template === undefined) {
    return [];
  }
  const name = `${method} ${template} ${status}`;
  const operations = described.paths[template] ?? {};
  const operation = operations[method.toLowerCase()];
  if (operation === undefined) {
    return status >= 400 ? [] : [`${name}: the description has no such method`];
  }
  const response = operation.responses[status] ?? operation.responses['default'];
  if (response === undefined || (operation.responses[status] === undefined && status < 400)) {
    return [`${name}: the description has no such answer`];
  }
  const schema = response.content?.['application/json']?.schema;
  if (schema === undefined) {
    return response.content === undefined && text !== ''
      ? [`${name}: there should be no body`]
      : [];
  }
  const validate = validators.get(name) ?? ajv.compile(inDocument(schema));
  validators.set(name, validate);
  return validate(JSON.parse(text))
    ? []
    : (validate.errors ?? []).map(
        (error) => `${name}: ${error.instancePath} ${error.message ?? ''}`,
      );
}

/** The same schema with its references into the document, for the validator to follow. */
const inDocument = (schema: object): object =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')) as object;

/** Throws where an answer is not as the description says. */
export function assertDescribed(answer: Answer): void {
  const problems = undescribed(answer);
  if (problems.length > 0) {
    throw new Error(`not as /v1/openapi.json says:\n  ${problems.join('\n  ')}`);
  }
}
