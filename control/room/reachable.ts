/** Addresses as the viewer's machine can reach them. Pure. */

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);

/**
 * Services on the control room's own machine call it 127.0.0.1; somebody who looks from elsewhere reaches them by the
 * name under which this page was reached.
 */
export function reachable(address: string, pageHost: string): string {
  const host = /^[a-z]+:\/\/(\[[^\]]*\]|[^:/]+)/.exec(address)?.[1];
  return host !== undefined && isLoopback(host) && !isLoopback(pageHost)
    ? address.replace(host, pageHost)
    : address;
}
