/** Typed access to the page's elements: a page without one of them is a mistake of the build. */

/** The element with this `data-part`. */
export function part<T extends Element>(root: ParentNode, name: string, type: new () => T): T {
  const element = root.querySelector(`[data-part="${name}"]`);
  if (!(element instanceof type)) {
    throw new Error(`page has no ${type.name} "${name}"`);
  }
  return element;
}

/** Sets text only when it changes: nothing to lay out, nothing to read aloud. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Shows one of a button's icons. */
export function setIcon(button: Element, name: string): void {
  const href = `#icon-${name}`;
  const use = button.querySelector('use');
  if (use !== null && use.getAttribute('href') !== href) {
    use.setAttribute('href', href);
  }
}
