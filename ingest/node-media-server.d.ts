/** The part of node-media-server 4.4.3 that `rtmp-server.ts` builds on; the package has no types of its own. */
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

  /** A decoded command: AMF 0, so nothing about its values is certain. */
  export interface Command {
    cmd?: unknown;
    transId?: unknown;
    cmdObj?: unknown;
    streamName?: unknown;
  }

  class Rtmp {
    parserBuffer: Buffer;
    parserBasicBytes: number;
    parserPacket: Packet;
    inPackets: Map<number, Packet>;
    inChunkSize: number;
    streamId: number;
    handshakeState: number;
    flv: unknown;
    constructor();
    onOutputCallback: (buffer: Buffer) => void;
    parserData(buffer: Buffer): string | null;
    packetParse(): void;
    chunkMessageHeaderRead(): number;
    packetAlloc(): void;
    controlHandler(): void;
    invokeHandler(): void;
    dataHandler(): void;
    onConnect(command: Command): void;
    onCreateStream(command: Command): void;
    onPublish(command: Command): void;
    onPlay(command: Command): void;
    onDeleteStream(command: Command): void;
    sendACK(size: number): void;
    sendInvokeMessage(streamId: number, message: Record<string, unknown>): void;
    sendStatusMessage(streamId: number, level: string, code: string, description: string): void;
  }
  export default Rtmp;
}

declare module 'node-media-server/src/protocol/amf.js' {
  import type { Command } from 'node-media-server/src/protocol/rtmp.js';
  const amf: { decodeAmf0Cmd(data: Buffer): Command };
  export default amf;
}

declare module 'node-media-server/src/core/logger.js' {
  const logger: { log: (message: string, level?: string) => void };
  export default logger;
}
