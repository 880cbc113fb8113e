/** JSON with one form for one value, so that its hash names the value. */

/** A JSON value; `undefined` properties are left out, as JSON.stringify does. */
type Json =
  string | number | boolean | null | undefined | readonly Json[] | { readonly [key: string]: Json };

/** Keys sorted by code unit, no white space (RFC 8785 for the values that occur here: no fractions, no lone surrogates). */
export function canonicalJson(value: Json): string {
  if (isList(value)) {
    return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value ?? null);
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);
