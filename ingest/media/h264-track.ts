/**
 * One feed's H.264 track: keeps the parameter sets of the moment, finds where decoding may start, and gives samples
 * with 4-byte lengths that have their parameter sets in-band before each start point.
 */
import { parseAvcConfiguration } from '#common/codec/h264/avc-configuration';
import { isForbidden, joinSample, NAL, nalType, nalUnits } from '#common/codec/h264/nal-units';
import { isOfFields } from '#common/codec/h264/scan';
import {
  hasRecoveryPointZero,
  readPictureTiming,
  type PictureTiming,
} from '#common/codec/h264/sei';
import { readSliceHead, readSlicePicture, type SlicePicture } from '#common/codec/h264/slice';
import type { SequenceParameters } from '#common/codec/h264/sps';
import { FRAME_FLAGS } from '#common/contracts/log';
import { PipelineError } from '#common/errors';
import { ParameterSets, type ActiveSets } from './parameter-sets.ts';

/** A coded picture as raw chunks and hot streams keep it. */
export interface Picture {
  /** Bits of FRAME_FLAGS. */
  readonly flags: number;
  readonly data: Buffer;
  /** Set if it is one field alone, whose other one may come in the next sample. */
  readonly field: SlicePicture | undefined;
}

/** Most parameter sets taken in one sample: parsing them costs more than anything else here. */
const MAX_SETS = 64;

/** Most NAL units taken in one sample: 4 slices a row of the largest picture are far fewer. */
const MAX_NAL_UNITS = 2048;

/** A sample's NAL units, without those that decoders pass over too. */
function unitsOf(sample: Uint8Array, lengthSize: number): Uint8Array[] {
  const units: Uint8Array[] = [];
  for (const unit of nalUnits(sample, lengthSize)) {
    if (!isForbidden(unit)) {
      units.push(unit);
    }
    if (units.length > MAX_NAL_UNITS) {
      throw new PipelineError('BAD_MEDIA', `more than ${MAX_NAL_UNITS} NAL units in a sample`);
    }
  }
  return units;
}

/** See the head of this file. */
export class H264Track {
  #lengthSize = 0;
  readonly #sets = new ParameterSets();
  #parameters: SequenceParameters | undefined;
  #active: ActiveSets | undefined;
  #isOfFields = true;
  #refused = 0;
  #undecodable = 0;

  /** What the pictures are like: as the newest start point or a sequence parameter set after it says. */
  get parameters(): SequenceParameters | undefined {
    return this.#parameters;
  }

  /** The parameter sets of the newest start point, for a file's header; undefined before the first. */
  get sets(): { readonly sps: Buffer; readonly pps: Buffer } | undefined {
    return this.#active;
  }

  /** Whether the newest picture is two fields, taken one after the other. */
  get isOfFields(): boolean {
    return this.#parameters?.isInterlaced === true && this.#isOfFields;
  }

  /** Pictures left out because no start point had come. */
  get refused(): number {
    return this.#refused;
  }

  /** IDRs that name parameter sets which never came: decoding cannot start there. */
  get undecodable(): number {
    return this.#undecodable;
  }

  /**
   * Takes a sequence header: an AVCDecoderConfigurationRecord. The sets it carries replace all others.
   * @throws BAD_MEDIA, or UNSUPPORTED_MEDIA for pictures that are not taken
   */
  configure(record: Uint8Array): void {
    const { lengthSize, sps, pps } = parseAvcConfiguration(record);
    this.#lengthSize = lengthSize;
    if (sps.length > 0 && pps.length > 0) {
      this.#sets.clear();
    }
    [...sps, ...pps].forEach((unit) => {
      this.#keep(unit);
    });
  }

  /**
   * Takes a coded picture in AVCC form and copies it.
   * @returns undefined for a sample without a picture, and for pictures before the first start point
   * @throws BAD_MEDIA
   */
  picture(sample: Uint8Array): Picture | undefined {
    if (this.#lengthSize === 0) {
      return undefined;
    }
    const units = unitsOf(sample, this.#lengthSize);
    const slices: Uint8Array[] = [];
    const messages: Uint8Array[] = [];
    let isIdr = false;
    let sets = 0;
    for (const unit of units) {
      switch (nalType(unit)) {
        case NAL.idr:
          isIdr = true;
          slices.push(unit);
          break;
        case NAL.slice:
          slices.push(unit);
          break;
        case NAL.sei:
          messages.push(unit);
          break;
        case NAL.sps:
        case NAL.pps:
          sets += 1;
          if (sets > MAX_SETS) {
            throw new PipelineError(
              'BAD_MEDIA',
              `more than ${MAX_SETS} parameter sets in a sample`,
            );
          }
          this.#keep(unit);
          break;
        default:
          break;
      }
    }
    if (slices.length === 0) {
      return undefined;
    }
    const isRecovery = !isIdr && messages.some(hasRecoveryPointZero);
    const active = isIdr || isRecovery ? this.#startOf(slices, isIdr) : undefined;
    this.#active = active ?? this.#active;
    if (this.#active === undefined) {
      this.#refused += 1;
      return undefined;
    }
    const { field, flags } = this.#scan(slices, messages);
    if (active === undefined) {
      return { flags, data: joinSample(units), field };
    }
    this.#parameters = active.parameters;
    return {
      flags: flags | FRAME_FLAGS.start | (isIdr ? FRAME_FLAGS.idr : 0),
      data: joinSample(this.#withSets(units)),
      field,
    };
  }

  /** Whether the picture is of fields, and which one if it is a single one. */
  #scan(
    slices: readonly Uint8Array[],
    messages: readonly Uint8Array[],
  ): Pick<Picture, 'field' | 'flags'> {
    const first = slices[0] ?? new Uint8Array();
    const head = readSliceHead(first);
    const parameters = head && this.#sets.named(head.ppsId)?.parameters;
    // Most feeds cannot have fields.
    if (parameters === undefined || !parameters.isInterlaced) {
      return { field: undefined, flags: 0 };
    }
    const picture = readSlicePicture(first, parameters);
    const structure = picture?.structure ?? 'frame';
    let timing: PictureTiming | undefined;
    for (const message of messages) {
      timing ??= readPictureTiming(message, parameters.pictureTiming);
    }
    this.#isOfFields = isOfFields(parameters, structure, timing, this.#isOfFields);
    const isSingle =
      structure !== 'frame' &&
      slices.every((slice) => readSlicePicture(slice, parameters)?.structure === structure);
    return {
      field: isSingle ? picture : undefined,
      flags: this.#isOfFields ? FRAME_FLAGS.fields : 0,
    };
  }

  /** The sets with which decoding can start at these slices; undefined if it cannot. */
  #startOf(slices: readonly Uint8Array[], isIdr: boolean): ActiveSets | undefined {
    let active: ActiveSets | undefined;
    let structure: string | undefined;
    for (const slice of slices) {
      const head = readSliceHead(slice);
      active = head && this.#sets.named(head.ppsId);
      const picture = active && readSlicePicture(slice, active.parameters);
      structure ??= picture?.structure;
      // The second field may refer to the first, and to no other.
      if (active !== undefined && !isIdr && picture?.structure !== structure) {
        break;
      }
      if (active === undefined) {
        this.#undecodable += Number(isIdr);
        return undefined;
      }
      if (!isIdr && head?.isIntra !== true) {
        return undefined;
      }
    }
    return active;
  }

  /** The units with every set of the moment before them: those in the sample may be only some. */
  #withSets(units: readonly Uint8Array[]): Uint8Array[] {
    const rest = units.filter((unit) => nalType(unit) !== NAL.sps && nalType(unit) !== NAL.pps);
    // An access unit delimiter stays first (H.264 §7.4.1.2.3).
    const at = rest[0] !== undefined && nalType(rest[0]) === NAL.delimiter ? 1 : 0;
    return [...rest.slice(0, at), ...this.#sets.units, ...rest.slice(at)];
  }

  #keep(unit: Uint8Array): void {
    const parameters = this.#sets.add(unit);
    this.#parameters = parameters ?? this.#parameters;
  }
}
