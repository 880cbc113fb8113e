/** The parameter sets of the moment (H.264 §7.4.1.2.1), bounded, and which of them belong together. */
import { NAL, nalType } from '#common/codec/h264/nal-units';
import { parsePps } from '#common/codec/h264/pps';
import type { SequenceParameters } from '#common/codec/h264/sps';
import { PipelineError } from '#common/errors';
import { acceptSps } from './sps-policy.ts';

/** Largest set, bytes: scaling lists and timing together need less than half of it. */
const MAX_SET_BYTES = 2048;
/** All sets together, bytes: they are repeated before every start point. */
const MAX_BYTES = 32_768;

/** The sets that a picture names. */
export interface ActiveSets {
  readonly sps: Buffer;
  readonly pps: Buffer;
  readonly parameters: SequenceParameters;
}

interface Sequence {
  readonly unit: Buffer;
  readonly parameters: SequenceParameters;
}

interface Pictures {
  readonly unit: Buffer;
  readonly spsId: number;
}

/** See the head of this file. */
export class ParameterSets {
  readonly #sps = new Map<number, Sequence>();
  readonly #pps = new Map<number, Pictures>();

  /** All of them, as NAL units, sequence sets first. */
  get units(): Buffer[] {
    return [...this.#sps.values(), ...this.#pps.values()].map(({ unit }) => unit);
  }

  /** Forgets all. */
  clear(): void {
    this.#sps.clear();
    this.#pps.clear();
  }

  /**
   * Takes a sequence or picture parameter set; it replaces the one with its id.
   * @returns what a sequence parameter set says
   * @throws BAD_MEDIA, or UNSUPPORTED_MEDIA for pictures that are not taken
   */
  add(unit: Uint8Array): SequenceParameters | undefined {
    if (unit.length > MAX_SET_BYTES) {
      throw new PipelineError('BAD_MEDIA', `a parameter set of ${unit.length} bytes`);
    }
    const parameters = nalType(unit) === NAL.sps ? acceptSps(unit) : undefined;
    if (parameters === undefined) {
      const { id, spsId } = parsePps(unit);
      this.#pps.set(id, { unit: Buffer.from(unit), spsId });
    } else {
      this.#sps.set(parameters.id, { unit: Buffer.from(unit), parameters });
    }
    const bytes = this.units.reduce((sum, { length }) => sum + length, 0);
    if (bytes > MAX_BYTES) {
      throw new PipelineError('BAD_MEDIA', `parameter sets of ${bytes} bytes in all`);
    }
    return parameters;
  }

  /** What a slice that names this picture parameter set is decoded with; undefined if any of it is missing. */
  named(ppsId: number): ActiveSets | undefined {
    const pps = this.#pps.get(ppsId);
    const sps = pps && this.#sps.get(pps.spsId);
    return sps && { sps: sps.unit, pps: pps.unit, parameters: sps.parameters };
  }
}
