/**
 * Composes an ffmpeg command line with fluent-ffmpeg. The only file that imports it: it is archived, and we use it
 * to order arguments, never to start a process.
 */
import createCommand from 'fluent-ffmpeg';
import { PipelineError } from '../../common/errors.ts';

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
  /** `-filter_complex`. */
  readonly graph: string;
  readonly outputs: readonly CommandOutput[];
}

/**
 * The argument list of a command, without the program.
 * @throws PipelineError `INTERNAL` for an argument with a space, which fluent-ffmpeg would split
 */
export function composeArguments(command: Command): string[] {
  const fluent = createCommand();
  for (const input of command.inputs) {
    fluent.input(input.source).inputOptions([...input.options]);
  }
  fluent.complexFilter(command.graph);
  for (const output of command.outputs) {
    fluent.output(output.target).outputOptions([...output.options]);
  }
  const composed = [...command.global, ...fluent._getArguments()];
  const split = [...command.global, command.graph]
    .concat(
      ...command.inputs.map((input) => [...input.options, input.source]),
      ...command.outputs.map((output) => [...output.options, output.target]),
    )
    .find((argument) => argument.includes(' '));
  if (split !== undefined) {
    throw new PipelineError('INTERNAL', `ffmpeg argument contains a space: ${split}`);
  }
  return composed;
}
