/** Two readers of HLS that complain of different things: hls-parser, strict, and m3u8-parser. */
import { parse, setOptions, types } from 'hls-parser';
import { Parser } from 'm3u8-parser';

setOptions({ strictMode: true });

/**
 * Two exceptions. hls-parser counts segments where §6.2.2 counts time: it wants no parts before the last three, the growing
 * one included, also where less than three target durations follow them. And it wants a hint where the next part is not made,
 * so that there is nothing to hint at.
 */
function forHlsParser(playlist: string): string {
  const isWithheld = playlist.includes(',GAP=YES') && !playlist.includes('#EXT-X-PRELOAD-HINT');
  const text = isWithheld ? `${playlist}#EXT-X-PRELOAD-HINT:TYPE=PART,URI="none.m4s"\n` : playlist;
  const numbers = [...new Set([...text.matchAll(/URI="(\d+)\.\d+\.m4s"/g)].map(([, n]) => n))];
  const kept = numbers.slice(-3);
  return text.replaceAll(/^#EXT-X-PART:.*URI="(\d+)\..*\n/gm, (line: string, n: string) =>
    kept.includes(n) ? line : '',
  );
}

/**
 * Warnings and errors of both about a media playlist.
 * @throws what hls-parser refuses
 */
export function complaintsOf(text: string): string[] {
  const complaints: string[] = [];
  const parser = new Parser();
  parser.on('warn', ({ message }) => complaints.push(message));
  parser.push(text);
  parser.end();
  if (!(parse(forHlsParser(text)) instanceof types.MediaPlaylist)) {
    complaints.push('not a media playlist');
  }
  return complaints;
}
