/**
 * A load of large bodies: `segment-load.ts <url> <connections> <seconds>` asks again and again on every connection and
 * prints `<n> requests in <seconds>s`, as wrk does. wrk takes 8 KiB with each system call, which makes it the slower
 * side where a body is large; this takes up to 256 KiB, which stays in a core's own cache.
 */
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

const READ_BYTES = 2 ** 18;

const [address = '', connections = '1', seconds = '1'] = process.argv.slice(2);
const url = new URL(address);
const request = `GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`;
/** Every connection reads into it: nobody looks at a body. */
const buffer = Buffer.alloc(READ_BYTES);
let requests = 0;

/** Bytes of the response that begins here, its head included. */
function lengthOf(head: string): number {
  const end = head.indexOf('\r\n\r\n');
  const length = /^content-length: *(\d+)\r$/im.exec(head)?.[1];
  if (!head.startsWith('HTTP/1.1 200 ') || end < 0 || length === undefined) {
    throw new Error(`not an answer to be counted:\n${head.slice(0, 200)}`);
  }
  return end + 4 + Number(length);
}

function load(): void {
  let left = 0;
  const socket = connect({
    host: url.hostname,
    port: Number(url.port),
    noDelay: true,
    onread: {
      buffer,
      callback: (read, bytes) => {
        left = (left === 0 ? lengthOf(bytesAsText(bytes, read)) : left) - read;
        if (left === 0) {
          requests += 1;
          socket.write(request);
        }
        return true;
      },
    },
  });
  socket.once('connect', () => socket.write(request));
}

const bytesAsText = (bytes: Uint8Array, read: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(read, 1024)).toString('latin1');

/** Polls without ever sleeping: waking a sleeper on another core is paid by who sends, which no network asks of it. */
function stayAwake(): void {
  setImmediate(stayAwake);
}

stayAwake();
const began = performance.now();
for (let count = 0; count < Number(connections); count += 1) {
  load();
}
setTimeout(
  () => {
    const took = (performance.now() - began) / 1000;
    process.stdout.write(`${requests} requests in ${took.toFixed(2)}s\n`, () => process.exit(0));
  },
  Number(seconds) * 1000,
);
