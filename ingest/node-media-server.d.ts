/** The part of node-media-server 4.4.3 that `rtmp/bounded-rtmp.ts` builds on; the package has no types of its own. */
declare module 'node-media-server/src/protocol/rtmp.js' {
  /** A message as its writer takes it. */
  export interface OutgoingMessage {
    readonly header: {
      readonly fmt: 0;
      /** Chunk stream. */
      readonly cid: number;
      readonly timestamp: number;
      readonly length: number;
      readonly type: number;
      readonly stream_id: number;
    };
    readonly payload: Buffer;
  }

  class Rtmp {
    handshakePayload: Buffer;
    handshakeState: number;
    handshakeBytes: number;
    streams: number;
    objectEncoding: number;
    constructor();
    onOutputCallback: (buffer: Buffer) => void;
    parserData(buffer: Buffer): string | null;
    chunkRead(data: Buffer, start: number, bytes: number): string | null;
    sendACK(size: number): void;
    sendWindowACK(size: number): void;
    setPeerBandwidth(size: number, type: number): void;
    setChunkSize(size: number): void;
    sendStreamStatus(event: number, value: number): void;
    respondConnect(transaction: number): void;
    respondCreateStream(transaction: number): void;
    static chunksCreate(message: OutgoingMessage): Buffer;
  }
  export default Rtmp;
}

declare module 'node-media-server/src/protocol/amf.js' {
  /** What its writer of AMF 0 takes here. Strings must be ASCII: it counts characters for bytes. */
  export type AmfValue = number | string | null | undefined | Readonly<Record<string, string>>;
  const amf: { amf0Encode: (values: readonly AmfValue[]) => Buffer };
  export default amf;
}

declare module 'node-media-server/src/core/logger.js' {
  const logger: { log: (message: string, level?: string) => void };
  export default logger;
}
