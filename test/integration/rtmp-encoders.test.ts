import { afterEach, describe, expect, test } from '@jest/globals';
import { command, message, opening, publishing, setChunkSize, word } from '../fault/rtmp-bytes.ts';
import { encodeAmf } from '../helpers/amf0.ts';
import { eventually } from '../helpers/poll.ts';
import { RTMP_MESSAGE } from '../helpers/rtmp-chunks.ts';
import { RtmpEncoder } from '../helpers/rtmp-encoder.ts';
import { RtmpPublisher } from '../helpers/rtmp-publisher.ts';
import { audio, closePorts, KEY, listen, over, send, type Port } from './rtmp-port.ts';

afterEach(closePorts);

const PUBLISHED = expect.objectContaining({ code: 'NetStream.Publish.Start' });
const BAD_NAME = expect.objectContaining({
  level: 'error',
  code: 'NetStream.Publish.BadName',
});

/** Resolves once so many media messages have reached the publication. */
const taken = (port: Port, count: number): Promise<true> =>
  eventually(`${count} messages`, () => Promise.resolve(port.tags.length >= count || undefined));

describe('an encoder that waits for every answer', () => {
  test('publishes, stops and publishes again', async () => {
    const port = await listen();
    const encoder = await RtmpEncoder.open(port.port);
    await encoder.send(command(0, 'connect', 1, { app: 'live', tcUrl: 'rtmp://h/live' }));
    await encoder.command('_result', 1);
    await encoder.send(command(0, 'releaseStream', 2, null, KEY));
    await encoder.command('_result', 2);
    for (const round of [0, 1]) {
      const transaction = 10 * (round + 1);
      encoder.messages.length = 0;
      await encoder.send(command(0, 'FCPublish', transaction, null, KEY));
      await encoder.command('_result', transaction);
      expect((await encoder.command('onFCPublish'))[3]).toEqual(PUBLISHED);
      expect(port.requests).toHaveLength(round);
      await encoder.send(command(0, 'createStream', transaction + 1, null));
      const stream = Number((await encoder.command('_result', transaction + 1))[3]);
      await encoder.send(command(0, '_checkbw', transaction + 2, null));
      await encoder.command('_result', transaction + 2);
      await encoder.send(command(stream, 'publish', 0, null, KEY, 'live'));
      expect((await encoder.command('onStatus'))[3]).toEqual(PUBLISHED);
      await encoder.send(audio(round, 10, stream));
      await taken(port, round + 1);
      await encoder.send(command(0, 'FCUnpublish', transaction + 3, null, KEY));
      expect((await encoder.command('onFCUnpublish'))[3]).toMatchObject({
        code: 'NetStream.Unpublish.Success',
      });
      await encoder.send(command(0, 'deleteStream', transaction + 4, null, stream));
      await eventually('the end', () => Promise.resolve(port.ends.length > round || undefined));
    }
    expect(port.ends).toEqual(['clean', 'clean']);
    encoder.drop();
  });

  test('is told before it publishes that its key is wrong, and its guesses count', async () => {
    const port = await listen();
    const guess = async (key: string): Promise<RtmpEncoder> => {
      const encoder = await RtmpEncoder.open(port.port);
      await encoder.send(...opening(), command(0, 'FCPublish', 5, null, key));
      return encoder;
    };
    for (let i = 0; i < 8; i += 1) {
      const encoder = await guess(`wrong-${i}`);
      expect((await encoder.command('onFCPublish'))[3]).toEqual(BAD_NAME);
      // The second guess over a connection is not answered, whether right or wrong, until it publishes.
      await encoder.send(command(0, 'FCPublish', 6, null, KEY));
      await encoder.send(command(1, 'publish', 7, null, `wrong-${i}`, 'live'));
      expect((await encoder.command('onStatus'))[3]).toEqual(BAD_NAME);
      const told = encoder.commands.filter(([name]) => name === 'onFCPublish');
      expect(told).toHaveLength(1);
      expect(JSON.stringify(encoder.commands)).not.toContain('Publish.Start');
    }
    // The ninth waits: what comes behind it overtakes its answer, and its publish is looked at instead.
    const late = await guess(KEY);
    await late.send(command(1, 'publish', 7, null, KEY, 'live'));
    expect((await late.command('onStatus'))[3]).toEqual(PUBLISHED);
    const names = late.commands.map(([name]) => name).filter((name) => name !== '_result');
    expect(names).toEqual(['onFCPublish', 'onStatus']);
    late.drop();
  });

  test('that pings, and that limits what it is sent, is answered', async () => {
    const port = await listen();
    const encoder = await RtmpEncoder.open(port.port);
    const ping = Buffer.concat([Buffer.of(0, 6), word(1234)]);
    await encoder.send(
      ...publishing(KEY),
      message(RTMP_MESSAGE.userControl, ping, { cs: 2 }),
      message(RTMP_MESSAGE.setPeerBandwidth, Buffer.concat([word(70_000), Buffer.of(0)]), {
        cs: 2,
      }),
    );
    const answer = (type: number, body: string): Promise<true> =>
      eventually(`message ${type} ${body}`, () =>
        Promise.resolve(
          encoder.messages.some((one) => one.type === type && one.body.toString('hex') === body) ||
            undefined,
        ),
      );
    await answer(RTMP_MESSAGE.userControl, '0007000004d2');
    await answer(RTMP_MESSAGE.windowAcknowledgementSize, word(70_000).toString('hex'));
    encoder.drop();
  });

  test.each([20_000, 2_500_000])(
    'for acknowledgements within its window of %i never stalls',
    async (window) => {
      const port = await listen();
      const encoder = await RtmpEncoder.open(port.port);
      const announce = message(RTMP_MESSAGE.windowAcknowledgementSize, word(window), { cs: 2 });
      await encoder.send(...publishing(KEY), setChunkSize(1 << 20), announce);
      const size = Math.floor(window / 4);
      const media = message(RTMP_MESSAGE.audio, Buffer.alloc(size, 0xaf), {
        stream: 1,
        cs: 4,
        chunkSize: 1 << 20,
      });
      const acknowledged = (): number =>
        encoder.messages
          .filter(({ type }) => type === RTMP_MESSAGE.acknowledgement)
          .reduce((_, { body }) => body.readUInt32BE(), 0);
      // Counted without handshake and commands, as some do: acknowledgements are then a little ahead.
      for (let sent = 0; sent < 3 * window; sent += media.length) {
        await eventually('room in the window', () =>
          Promise.resolve(sent + media.length - acknowledged() <= window || undefined),
        );
        await encoder.send(media);
      }
      await taken(port, 12);
      encoder.drop();
    },
  );
});

describe('an encoder', () => {
  test.each([0xff_ffff, 0x100_0000, 0x7fff_ffff])(
    'whose chunk size is %i is taken: it says that there is no limit',
    async (size) => {
      const port = await listen();
      const media = message(RTMP_MESSAGE.audio, Buffer.alloc(300_000, 0xaf), {
        stream: 1,
        cs: 4,
        chunkSize: 300_000,
      });
      await send(port, ...publishing(KEY), setChunkSize(size), media, over);
      expect(port.tags).toEqual(['audio@0:300000']);
    },
  );

  test.each([0, 0x8000_0000])('whose chunk size is %i is told that it is wrong', async (size) => {
    const port = await listen();
    const seen = await send(port, ...publishing(KEY), setChunkSize(size));
    expect(seen).toEqual({ status: 'NetStream.Publish.Failed', isClosed: true });
  });

  test('that does not repeat extended timestamps in chunks of type 3 is understood', async () => {
    const port = await listen();
    const timestamp = 0x0102_0304;
    const whole = audio(timestamp, 300);
    const rest = Buffer.alloc(128, 0xaf);
    const omitted = [
      whole.subarray(0, 16 + 128),
      Buffer.concat([Buffer.of(0xc4), rest]),
      Buffer.concat([Buffer.of(0xc4), rest.subarray(0, 44)]),
    ];
    await send(port, ...publishing(KEY), ...omitted, whole, ...omitted, over);
    expect(port.tags).toEqual(Array(3).fill(`audio@${timestamp}:300`));
  });

  test.each([
    ['no type', [KEY]],
    ['type record', [KEY, 'record']],
    ['type append', [KEY, 'append']],
    ['a type that is nothing', [KEY, null]],
  ])('that publishes with %s is live', async (_what, parameters) => {
    const port = await listen();
    const publish = command(1, 'publish', 3, null, ...parameters);
    await send(port, ...opening(), publish, audio(1), over);
    expect(port.tags).toEqual(['audio@1:10']);
  });

  test('that publishes on stream 7 and sends its media on stream 0 is taken', async () => {
    const port = await listen();
    const publish = command(7, 'publish', 3, null, KEY, 'live');
    await send(port, ...opening(), publish, audio(1, 10, 7), audio(2, 10, 0), audio(3), over);
    expect(port.tags).toEqual(['audio@1:10', 'audio@2:10']);
  });

  test('that speaks in messages for AMF 3, with and without their first byte, is understood', async () => {
    const port = await listen();
    const flex = (stream: number, body: Buffer): Buffer =>
      message(17, Buffer.concat([Buffer.of(0), body]), { stream });
    const metadata = encodeAmf('@setDataFrame', 'onMetaData', { width: 1 });
    const connect = { app: 'live', objectEncoding: 3 };
    await send(
      port,
      command(0, 'connect', 1, connect),
      flex(0, encodeAmf('createStream', 2, null)),
      message(17, encodeAmf('publish', 3, null, KEY, 'live'), { stream: 1 }),
      message(15, Buffer.concat([Buffer.of(0), metadata]), { stream: 1, cs: 5 }),
      message(15, metadata, { stream: 1, cs: 5 }),
      message(RTMP_MESSAGE.data, metadata, { stream: 0, cs: 5 }),
      command(0, 'connect', 9, {}),
    );
    expect(port.tags).toEqual(Array(3).fill(`script@0:${metadata.length}`));
  });

  test('that sends control messages on other chunk streams than 2 is understood', async () => {
    const port = await listen();
    const size = message(RTMP_MESSAGE.setChunkSize, word(4096), { cs: 6 });
    const media = message(RTMP_MESSAGE.audio, Buffer.alloc(500, 0xaf), {
      stream: 1,
      cs: 4,
      chunkSize: 4096,
    });
    await send(port, ...publishing(KEY), size, media, over);
    expect(port.tags).toEqual(['audio@0:500']);
  });

  test('whose first chunk of a chunk stream is of type 1, as those of librtmp, is understood', async () => {
    const port = await listen();
    const ping = Buffer.from('42000000000006040006000003e8', 'hex');
    await send(port, ping, ...publishing(KEY), audio(1), over);
    expect(port.tags).toEqual(['audio@1:10']);
  });
});

describe('a stream key', () => {
  const publishAs = async (app: string, name: string): Promise<Port> => {
    const port = await listen();
    const connect = command(0, 'connect', 1, { app, tcUrl: `rtmp://127.0.0.1/${app}` });
    const publish = command(1, 'publish', 3, null, name, 'live');
    await send(port, connect, command(0, 'createStream', 2, null), publish, audio(1), over);
    return port;
  };

  test.each([
    ['with a space and a line end', 'live', ` ${KEY}\n`],
    ['behind the default instance', 'live/_definst_', KEY],
    ['in the URL of the server', `live/${KEY}`, ''],
    ['with a query', 'live', `${KEY}?token=1`],
    ['behind an application with a query', 'live?token=1', `/${KEY}`],
  ])('%s is taken', async (_how, app, name) => {
    const port = await publishAs(app, name);
    expect(port.requests.map(({ key }) => key)).toEqual([KEY]);
    expect(port.tags).toEqual(['audio@1:10']);
  });

  test.each([
    ['live', '', 'Stream Key is empty: paste it into Settings -> Stream -> Stream Key'],
    ['app', KEY, expect.stringContaining('Settings -> Stream -> Server')],
    ['live', 'wrong', expect.stringContaining('Settings -> Stream -> Stream Key')],
  ])('%s/%s is refused with the name of the box to fill', async (app, name, description) => {
    const port = await listen();
    const refused = RtmpPublisher.publish({ port: port.port, app, key: name });
    await expect(refused).rejects.toThrow('NetStream.Publish.BadName');
    const encoder = await RtmpEncoder.open(port.port);
    await encoder.send(
      command(0, 'connect', 1, { app }),
      command(0, 'createStream', 2, null),
      command(1, 'publish', 3, null, name, 'live'),
    );
    const told = (await encoder.command('onStatus'))[3];
    expect(told).toEqual({ level: 'error', code: 'NetStream.Publish.BadName', description });
    await eventually('the end', () => Promise.resolve(encoder.isClosed || undefined));
    expect(JSON.stringify(encoder.commands)).not.toContain('Publish.Start');
    expect(await port.metrics.metrics()).toContain('rtmp_ends_total{reason="refused"} 2');
  });
});
