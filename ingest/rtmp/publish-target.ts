/**
 * Which stream key a publisher means. Encoders have boxes for server and stream key, and people fill them in many ways;
 * what can mean one thing only is taken, the rest is answered with the box to fill. Pure.
 */

/** The application name that publishers connect to. */
const APP = 'live';
/** What Wowza and Flash Media Server call the instance of an application that has no other. */
const DEFAULT_INSTANCE = '_definst_';

/** Most characters looked at. */
const MAX_LENGTH = 1000;
/** White space, zero-width characters included, and control characters: copied along, or the end of a C string. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const STRAY = /[\s\u0000-\u001f\u007f\u200b-\u200d\u2060]+/gu;
const URL_HEAD = /^rtmps?:\/\/[^/]*/i;

const NO_KEY = 'Stream Key is empty: paste it into Settings -> Stream -> Stream Key';
const NO_APP =
  'unknown application: set Settings -> Stream -> Server to rtmp://HOST:PORT/live, and Stream Key to the key alone';

/** The key, or what to tell the publisher. */
export type PublishTarget = { readonly key: string } | { readonly problem: string };

/** The application of `connect`: its `app`, or the path of its `tcUrl`. */
export function applicationOf(app: string, tcUrl: string): string {
  return app === '' && URL_HEAD.test(tcUrl) ? tcUrl.replace(URL_HEAD, '') : app;
}

/**
 * Finds the key in an application and a stream name: `live` and the key, where an instance name, slashes, white space and
 * queries do not count, nor in which of the two the key is, nor whether the name is the whole URL.
 */
export function publishTarget(app: string, name: string): PublishTarget {
  const stream = clean(name);
  const isUrl = URL_HEAD.test(stream);
  const path = [...(isUrl ? [] : partsOf(clean(app))), ...partsOf(stream.replace(URL_HEAD, ''))];
  const isApp = (part: string | undefined): boolean => part?.toLowerCase() === APP;
  if (!isApp(path[0])) {
    return { problem: path.length === 0 ? NO_KEY : NO_APP };
  }
  const [key, ...others] = path.filter((part) => !isApp(part));
  if (key === undefined) {
    return { problem: NO_KEY };
  }
  return others.every((other) => other === key) ? { key } : { problem: NO_APP };
}

const clean = (text: string): string =>
  text.slice(0, MAX_LENGTH).replace(STRAY, '').split('?')[0] ?? '';

const partsOf = (path: string): string[] =>
  path.split('/').filter((part) => part !== '' && part !== DEFAULT_INSTANCE);
