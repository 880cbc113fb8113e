import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { MOST_UNANSWERED, boundPipelining } from '#common/pipelining';

const REQUEST = 'GET /held HTTP/1.1\r\nHost: a\r\n\r\n';

test('a connection that asks on without waiting for answers is ended, and one that waits goes on', async () => {
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    if (request.url === '/held') {
      held.push(response);
    } else {
      response.end('here');
    }
  });
  boundPipelining(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const greedy = connect(port, '127.0.0.1');
  greedy.on('error', () => undefined);
  const ended = once(greedy, 'close');
  greedy.write(REQUEST.repeat(10 * MOST_UNANSWERED));
  await ended;
  expect(held.length).toBeGreaterThan(0);

  const patient = connect(port, '127.0.0.1');
  for (let asked = 0; asked < 10 * MOST_UNANSWERED; asked += 1) {
    patient.write('GET /now HTTP/1.1\r\nHost: a\r\n\r\n');
    const [data] = (await once(patient, 'data')) as [Buffer];
    expect(data.toString()).toContain('here');
  }
  patient.destroy();
  server.close();
  await once(server, 'close');
});
