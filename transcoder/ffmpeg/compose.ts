/**
 * Composes an ffmpeg command line with fluent-ffmpeg. The only file that imports it: it is archived, and we use it
 * to order arguments, never to start a process.
 */
import createCommand from 'fluent-ffmpeg';
import { PipelineError } from '#common/errors';

/** One `-i`: its options come before it. */
export interface CommandInput {
  readonly source: string;
  readonly options: readonly string[];
}

/** One output: its options come before it. */
export interface CommandOutput {
  readonly target: string;
  readonly options: readonly string[];
}

/** An ffmpeg command as data. */
export interface Command {
  readonly global: readonly string[];
  readonly inputs: readonly CommandInput[];
  /** Each a `-filter_complex` of its own: what shares a graph waits for one another. */
  readonly graphs: readonly string[];
  readonly outputs: readonly CommandOutput[];
}

/** One command that does what several do, in one process. Their descriptors and input numbers must fit together. */
export const joinCommands = (
  parts: readonly Omit<Command, 'global'>[],
): Omit<Command, 'global'> => ({
  inputs: parts.flatMap(({ inputs }) => inputs),
  graphs: parts.flatMap(({ graphs }) => graphs),
  outputs: parts.flatMap(({ outputs }) => outputs),
});

/**
 * The argument list of a command, without the program.
 * @throws PipelineError `INTERNAL` for an argument with a space, which fluent-ffmpeg would split
 */
export function composeArguments(command: Command): string[] {
  const fluent = createCommand();
  for (const input of command.inputs) {
    fluent.input(input.source).inputOptions([...input.options]);
  }
  const [first, ...others] = command.graphs;
  if (first !== undefined) {
    fluent.complexFilter(first);
  }
  for (const output of command.outputs) {
    fluent.output(output.target).outputOptions([...output.options]);
  }
  // fluent-ffmpeg knows of one graph only; the option is global and may stand anywhere.
  const ahead = [...command.global, ...others.flatMap((graph) => ['-filter_complex', graph])];
  const composed = [...ahead, ...fluent._getArguments()];
  const split = composed.find((argument) => argument.includes(' '));
  const given = [command.inputs, command.outputs].flat().flatMap(({ options }) => options);
  const bad = split ?? given.find((option) => option.includes(' '));
  if (bad !== undefined) {
    throw new PipelineError('INTERNAL', `ffmpeg argument contains a space: ${bad}`);
  }
  return composed;
}
