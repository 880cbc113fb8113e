/**
 * Where a protocol ends and feeds begin: a key that is asked for, then media messages. A message is the body of an FLV
 * tag (`media/flv-tag.ts` reads it) with RTMP's 32-bit milliseconds; a protocol that carries media otherwise hands them on
 * in that form.
 */

/** What a publisher asks for. */
export interface PublishRequest {
  readonly key: string;
  readonly address: string;
  readonly encoder: string;
  /** Ends the connection, telling the publisher why. */
  readonly close: (reason: string) => void;
}

/** An accepted publish. */
export interface Publication {
  /**
   * One media message.
   * @param timestamp milliseconds, 0 to 2^32 − 1
   * @param data a view, valid during the call only
   * @throws PipelineError to end the publish; its message is told to the publisher
   */
  tag(type: 'audio' | 'video' | 'script', timestamp: number, data: Buffer): void;
  /** Called once. `isClean`: the publisher said that it ends. */
  end(isClean: boolean, reason: string): void;
}

/** Those who publish. */
export interface Publishers {
  /** Decides about a publisher before it is told that it is live; undefined refuses it. */
  accept(request: PublishRequest): Publication | undefined;
  /** Whether somebody with this key would be accepted now. */
  wouldAccept(key: string): boolean;
}
