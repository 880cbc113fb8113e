/**
 * Fields that come one by one, joined: FLV carries a frame a tag, but what cuts a stream into access units (Rec. ITU-T
 * H.264 §7.4.1.2) sends each field picture of PAFF as a tag of its own.
 */
import { joinSample, NAL, nalType, nalUnits } from '#common/codec/h264/nal-units';
import { FRAME_FLAGS } from '#common/contracts/log';
import type { VideoPacket } from '../mapping/session-map.ts';
import type { Picture } from './h264-track.ts';

/** See the head of this file. */
export class FieldPair {
  #first: { readonly packet: VideoPacket; readonly picture: Picture } | undefined;
  #lone = 0;

  /** First fields that were left out because no second one came. */
  get lone(): number {
    return this.#lone;
  }

  /**
   * Takes the next picture in decode order.
   * @returns its packet; undefined for a first field, which waits for its second; for that a packet of both, at the
   *   first one's times
   */
  take(packet: VideoPacket, picture: Picture): VideoPacket | undefined {
    const first = this.#first;
    this.#first = undefined;
    const { field } = picture;
    if (first === undefined) {
      if (field === undefined) {
        return packet;
      }
      this.#first = { packet, picture };
      return undefined;
    }
    const isPair =
      field !== undefined &&
      field.frameNumber === first.picture.field?.frameNumber &&
      field.structure !== first.picture.field.structure &&
      (packet.flags & FRAME_FLAGS.idr) === 0;
    if (!isPair) {
      this.#lone += 1;
      return this.take(packet, picture);
    }
    // The delimiter stands before the first field alone: one sample is one access unit to whoever reads it.
    const rest = [...nalUnits(packet.data)].filter((unit) => nalType(unit) !== NAL.delimiter);
    return {
      ...first.packet,
      arrival: packet.arrival,
      flags: first.packet.flags | FRAME_FLAGS.fields,
      data: joinSample([...nalUnits(first.packet.data), ...rest]),
    };
  }
}
