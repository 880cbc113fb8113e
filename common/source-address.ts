/** Whom limits count together: an IPv4 address, or the /64 of an IPv6 address, which one customer has whole. */
import ipaddr from 'ipaddr.js';

const CUSTOMER_PREFIX = 64;

/** The source of a socket's remote address; what is no address is a source of its own. */
export function sourceOf(address: string): string {
  if (!ipaddr.isValid(address)) {
    return address;
  }
  // An IPv4 address that comes mapped into IPv6 is the IPv4 address.
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') {
    return parsed.toString();
  }
  const prefix = ipaddr.IPv6.networkAddressFromCIDR(
    `${parsed.toNormalizedString()}/${CUSTOMER_PREFIX}`,
  );
  return `${prefix.toString()}/${CUSTOMER_PREFIX}`;
}
