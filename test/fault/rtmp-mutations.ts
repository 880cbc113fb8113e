/** Valid RTMP sessions, changed at random from a seed: bits, chunks, and lies about lengths at every layer. */

/** A number in [0, 1). */
export type Random = () => number;

const below = (random: Random, limit: number): number => Math.floor(random() * limit);

const pick = <T>(random: Random, items: readonly [T, ...T[]]): T =>
  items[below(random, items.length)] ?? items[0];

/** Changes a session; never empties it. */
type Mutation = (pieces: Buffer[], random: Random) => void;

/** Most pieces are picture; half of the choices fall on what comes before it. */
function choose(pieces: readonly Buffer[], random: Random): number {
  const limit = random() < 0.5 ? Math.min(9, pieces.length) : pieces.length;
  return below(random, limit);
}

function rewrite(pieces: Buffer[], at: number, change: (bytes: Buffer) => void): void {
  const bytes = Buffer.from(pieces[at] ?? []);
  if (bytes.length > 0) {
    change(bytes);
    pieces[at] = bytes;
  }
}

/** Changes a field of the chunk header of a piece that is not the handshake. */
const header =
  (offset: number, size: number): Mutation =>
  (pieces, random) => {
    const at = Math.max(1, choose(pieces, random));
    rewrite(pieces, at, (bytes) => {
      if (bytes.length >= offset + size) {
        const largest = 2 ** (8 * size) - 1;
        const lies = [
          0,
          1,
          largest,
          Math.floor(largest / 2),
          below(random, largest),
          Math.min(largest, below(random, 300)),
        ];
        bytes.writeUIntBE(lies[below(random, lies.length)] ?? 0, offset, size);
      }
    });
  };

const MUTATIONS = {
  'bit flips': (pieces, random) => {
    for (let i = 0; i <= below(random, 16); i += 1) {
      rewrite(pieces, choose(pieces, random), (bytes) => {
        const at = below(random, bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
      });
    }
  },
  'bytes overwritten': (pieces, random) => {
    rewrite(pieces, choose(pieces, random), (bytes) => {
      const at = below(random, bytes.length);
      bytes.fill(below(random, 256), at, Math.min(bytes.length, at + 1 + below(random, 64)));
    });
  },
  'session cut': (pieces, random) => {
    const at = choose(pieces, random);
    const piece = pieces[at] ?? Buffer.alloc(0);
    pieces.splice(at, Infinity, piece.subarray(0, 1 + below(random, piece.length)));
  },
  'chunk cut': (pieces, random) => {
    const at = choose(pieces, random);
    const piece = pieces[at] ?? Buffer.alloc(0);
    pieces[at] = piece.subarray(0, below(random, piece.length));
  },
  'chunk twice': (pieces, random) => {
    const at = choose(pieces, random);
    pieces.splice(below(random, pieces.length), 0, pieces[at] ?? Buffer.alloc(0));
  },
  'chunk left out': (pieces, random) => {
    pieces.splice(choose(pieces, random), 1);
  },
  'chunks exchanged': (pieces, random) => {
    const [a, b] = [choose(pieces, random), below(random, pieces.length)];
    [pieces[a], pieces[b]] = [pieces[b] ?? Buffer.alloc(0), pieces[a] ?? Buffer.alloc(0)];
  },
  'bytes put in': (pieces, random) => {
    const bytes = Buffer.from(
      Array.from({ length: 1 + below(random, 200) }, () => below(random, 256)),
    );
    pieces.splice(choose(pieces, random), 0, bytes);
  },
  'chunk type or stream': header(0, 1),
  timestamp: header(1, 3),
  'message length': header(4, 3),
  'message type': header(7, 1),
  'message stream': header(8, 4),
  'length in the message': (pieces, random) => {
    // Where AMF 0 and AVCC have their lengths: some bytes into the message.
    header(12 + below(random, 40), pick(random, [1, 2, 4]))(pieces, random);
  },
} satisfies Record<string, Mutation>;

/** The kinds of mutations. */
export const MUTATION_NAMES = Object.keys(MUTATIONS);

/** Changes a session in one to three ways. @returns the pieces to send */
export function mutate(session: readonly Buffer[], random: Random): Buffer[] {
  const pieces = [...session];
  const all = Object.values(MUTATIONS);
  for (let i = 0; i <= below(random, 3); i += 1) {
    all[below(random, all.length)]?.(pieces, random);
  }
  return pieces;
}
