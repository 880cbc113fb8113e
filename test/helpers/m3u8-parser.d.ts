/** The part of m3u8-parser that tests use; it carries no types of its own. */
declare module 'm3u8-parser' {
  interface ParsedSegment {
    readonly uri: string;
    readonly duration: number;
    readonly map?: { readonly uri: string };
    readonly programDateTime?: number;
  }
  interface ParsedManifest {
    readonly segments: readonly ParsedSegment[];
    readonly playlists?: readonly {
      readonly uri: string;
      readonly attributes: Readonly<Record<string, unknown>>;
    }[];
    readonly mediaGroups?: {
      readonly AUDIO: Readonly<Record<string, Readonly<Record<string, { readonly uri: string }>>>>;
    };
    readonly mediaSequence?: number;
    readonly targetDuration?: number;
    readonly endList?: boolean;
    readonly playlistType?: string;
  }
  export class Parser {
    readonly manifest: ParsedManifest;
    on(event: 'warn' | 'error', listener: (problem: { readonly message: string }) => void): void;
    push(text: string): void;
    end(): void;
  }
}
