/** What stands after `npm run bench`: names of benchmarks, and then the options of the one that is named. */

/**
 * @param {readonly string[]} args
 * @param {readonly string[]} known names of benchmarks there are
 * @returns {{ names: readonly string[], options: readonly string[] }} all of them when none is named
 * @throws {Error} with a message for whoever typed it
 */
export function benchArguments(args, known) {
  const first = args.findIndex((arg) => arg.startsWith('-'));
  const names = first < 0 ? args : args.slice(0, first);
  const options = first < 0 ? [] : args.slice(first);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new Error(`no benchmark is called ${unknown}: there are ${known.join(', ')}`);
  }
  if (options.length > 0 && names.length !== 1) {
    throw new Error('options are for one benchmark: npm run bench NAME -- OPTIONS');
  }
  return { names: names.length === 0 ? known : names, options };
}
