/** What the control API takes and gives: one schema each, for validation and for OpenAPI alike. */
import { z } from 'zod';
import {
  channelIdSchema,
  channelSchema,
  fpsSchema,
  ladderSchema,
  profileSchema,
} from '#common/contracts/channel';
import { channelViewSchema } from '#common/contracts/channel-status';
import { broadcastSchema } from '#common/contracts/segment';
import { PipelineError } from '#common/errors';

const { name, priority, dvrSeconds, reconnectSeconds } = channelSchema.shape;

const profile = z.enum(profileSchema.options, {
  error: "must be 'standard', 'low' or 'instant'",
});

/** Body of `POST /v1/channels`. */
export const createBodySchema = z.strictObject({
  id: channelIdSchema,
  name: name.optional(),
  ladder: ladderSchema.optional(),
  /** Unset: true where a ladder is set. */
  fixedLadder: z.boolean().optional(),
  fps: fpsSchema.nullable().optional(),
  profile: profile.optional(),
  priority: priority.unwrap().optional(),
  dvrSeconds: dvrSeconds.optional(),
  reconnectSeconds: reconnectSeconds.optional(),
});

/** Body of `PATCH /v1/channels/:id`. */
export const patchBodySchema = createBodySchema
  .omit({ id: true })
  .refine((body) => Object.keys(body).length > 0, { message: 'change at least one field' });

/** Answer that shows a stream key, once. */
export const keyViewSchema = channelViewSchema.extend({ streamKey: z.string() });

/** Answer of `POST /v1/channels/:id/end`. */
export const endViewSchema = z.strictObject({ id: channelIdSchema, broadcast: z.int() });

/** Answer of `GET /v1/channels/:id/broadcasts`. */
export const broadcastsViewSchema = z.strictObject({ broadcasts: z.array(broadcastSchema) });

/** Every error. */
export const errorViewSchema = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), requestId: z.string() }),
});

/**
 * Parses what came from outside.
 * @throws PipelineError `BAD_REQUEST` that names every field at fault
 */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new PipelineError(
      'BAD_REQUEST',
      'the body must be a JSON object, such as {"id":"final"}',
    );
  }
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    const messages = parsed.error.issues.map((issue) => {
      const field = issue.path.join('.');
      if (issue.code === 'unrecognized_keys') {
        return issue.keys
          .map((key) => `${[...issue.path, key.slice(0, 64)].join('.')}: there is no such field`)
          .join('; ');
      }
      return field === '' ? issue.message : `${field}: ${issue.message}`;
    });
    throw new PipelineError('BAD_REQUEST', messages.join('; '));
  }
  return parsed.data;
}
