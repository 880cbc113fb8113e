/**
 * One feed's H.264 track: keeps the parameter sets of the moment, finds where decoding may start, and gives samples
 * with 4-byte lengths that have their parameter sets in-band before each start point.
 */
import { FRAME_FLAGS } from '../../common/contracts/log.ts';
import { PipelineError } from '../../common/errors.ts';
import { BitReader, rawPayload } from './bit-reader.ts';
import {
  hasRecoveryPointZero,
  isIntraSlice,
  joinSample,
  NAL,
  nalType,
  parseAvcConfiguration,
  splitSample,
} from './nal.ts';
import { parseSps, type SequenceParameters } from './sps.ts';

/** A coded picture as raw chunks and hot streams keep it. */
export interface Picture {
  /** Bits of FRAME_FLAGS. */
  readonly flags: number;
  readonly data: Buffer;
}

/** pic_parameter_set_id (H.264 §7.3.2.2). */
const ppsId = (unit: Uint8Array): number =>
  new BitReader(rawPayload(unit.subarray(1), 16)).unsigned();

/** See the head of this file. */
export class H264Track {
  #lengthSize = 0;
  readonly #sps = new Map<number, Buffer>();
  readonly #pps = new Map<number, Buffer>();
  #parameters: SequenceParameters | undefined;
  #hasStarted = false;

  /** What the newest sequence parameter set says; undefined before the first. */
  get parameters(): SequenceParameters | undefined {
    return this.#parameters;
  }

  /** One sequence and one picture parameter set of the moment, for a file's header. */
  get sets(): { readonly sps: Buffer; readonly pps: Buffer } | undefined {
    const sps = this.#parameters === undefined ? undefined : this.#sps.get(this.#parameters.id);
    const [pps] = this.#pps.values();
    return sps === undefined || pps === undefined ? undefined : { sps, pps };
  }

  /**
   * Takes a sequence header: an AVCDecoderConfigurationRecord. The sets it carries replace all others.
   * @throws BAD_MEDIA, or UNSUPPORTED_MEDIA if the picture is too large
   */
  configure(record: Uint8Array): void {
    const configuration = parseAvcConfiguration(record);
    this.#lengthSize = configuration.lengthSize;
    if (configuration.sps.length > 0 && configuration.pps.length > 0) {
      this.#sps.clear();
      this.#pps.clear();
    }
    configuration.sps.forEach((unit) => this.#keepSps(unit));
    configuration.pps.forEach((unit) => this.#keepPps(unit));
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
    const units = splitSample(sample, this.#lengthSize);
    let isIdr = false;
    let hasSlice = false;
    let isIntra = true;
    let isRecovery = false;
    let hasSps = false;
    let hasPps = false;
    for (const unit of units) {
      switch (nalType(unit)) {
        case NAL.idr:
          isIdr = true;
          hasSlice = true;
          break;
        case NAL.slice:
          hasSlice = true;
          // Only a recovery point makes the slices' types matter.
          isIntra &&= isRecovery && isIntraSlice(unit);
          break;
        case NAL.sei:
          isRecovery ||= hasRecoveryPointZero(unit);
          break;
        case NAL.sps:
          hasSps = true;
          this.#keepSps(unit);
          break;
        case NAL.pps:
          hasPps = true;
          this.#keepPps(unit);
          break;
        default:
          break;
      }
    }
    if (!hasSlice) {
      return undefined;
    }
    const isStart = (isIdr || (isRecovery && isIntra)) && this.sets !== undefined;
    if (!isStart && !this.#hasStarted) {
      return undefined;
    }
    this.#hasStarted = true;
    if (isStart && !(hasSps && hasPps)) {
      // An access unit delimiter stays first (H.264 §7.4.1.2.3).
      const first = units[0];
      const at = first !== undefined && nalType(first) === NAL.delimiter ? 1 : 0;
      const rest = units.filter((unit) => nalType(unit) !== NAL.sps && nalType(unit) !== NAL.pps);
      rest.splice(at, 0, ...this.#sps.values(), ...this.#pps.values());
      return { flags: flagsOf(isStart, isIdr), data: joinSample(rest) };
    }
    return { flags: flagsOf(isStart, isIdr), data: joinSample(units) };
  }

  #keepSps(unit: Uint8Array): void {
    const parameters = parseSps(unit);
    const known = this.#sps.get(parameters.id);
    if (known === undefined || !known.equals(unit)) {
      this.#sps.set(parameters.id, Buffer.from(unit));
    }
    this.#parameters = parameters;
  }

  #keepPps(unit: Uint8Array): void {
    const id = ppsId(unit);
    if (id > 255) {
      throw new PipelineError('BAD_MEDIA', `picture parameter set id ${id}`);
    }
    const known = this.#pps.get(id);
    if (known === undefined || !known.equals(unit)) {
      this.#pps.set(id, Buffer.from(unit));
    }
  }
}

const flagsOf = (isStart: boolean, isIdr: boolean): number =>
  isStart ? FRAME_FLAGS.start | (isIdr ? FRAME_FLAGS.idr : 0) : 0;
