/** The part of node-media-server 4.4.3 that `rtmp/bounded-rtmp.ts` builds on; the package has no types of its own. */
declare module 'node-media-server/src/protocol/rtmp.js' {
  export interface Packet {
    header: {
      fmt: number;
      cid: number;
      timestamp: number;
      length: number;
      type: number;
      stream_id: number;
    };
    clock: number;
    payload: Buffer;
    capacity: number;
    bytes: number;
  }

  class Rtmp {
    handshakePayload: Buffer;
    handshakeState: number;
    handshakeBytes: number;
    parserBuffer: Buffer;
    parserState: number;
    parserBytes: number;
    parserBasicBytes: number;
    parserPacket: Packet;
    inPackets: Map<number, Packet>;
    inChunkSize: number;
    streamId: number;
    streams: number;
    objectEncoding: number;
    constructor();
    onOutputCallback: (buffer: Buffer) => void;
    parserData(buffer: Buffer): string | null;
    packetParse(): void;
    chunkMessageHeaderRead(): number;
    packetAlloc(): void;
    controlHandler(): void;
    invokeHandler(): void;
    dataHandler(): void;
    sendACK(size: number): void;
    sendWindowACK(size: number): void;
    setPeerBandwidth(size: number, type: number): void;
    setChunkSize(size: number): void;
    respondConnect(transaction: number): void;
    respondCreateStream(transaction: number): void;
    sendStatusMessage(streamId: number, level: string, code: string, description: string): void;
  }
  export default Rtmp;
}

declare module 'node-media-server/src/core/logger.js' {
  const logger: { log: (message: string, level?: string) => void };
  export default logger;
}
