/** Mends what the queue board's markup withholds from who cannot see it (WCAG 2.2, 1.3.1 and 4.1.2). */

/** By the picture's name; another is called what its picture is. */
const NAMES: Readonly<Record<string, string>> = {
  'circle-user': 'Links',
  'ellipsis-vertical': 'More',
  maximize: 'Full screen',
  minimize: 'Leave full screen',
  copy: 'Copy',
};

/** Of the class that lucide's pictures have beside `lucide`. */
const PICTURE = /(?<=\blucide-)[a-z-]+/;

/** Buttons that show only a picture get a name. */
function nameButtons(): void {
  for (const button of document.querySelectorAll('button:not([aria-label])')) {
    const picture = PICTURE.exec(button.querySelector('svg')?.getAttribute('class') ?? '')?.[0];
    if (picture !== undefined && button.textContent.trim() === '') {
      button.setAttribute('aria-label', NAMES[picture] ?? picture.replaceAll('-', ' '));
    }
  }
}

/** The list of pages is called a navigation, and then its items belong to no list. */
function freeLists(): void {
  for (const list of document.querySelectorAll('ul[role="navigation"]')) {
    list.removeAttribute('role');
  }
}

function mend(): void {
  nameButtons();
  freeLists();
}

new MutationObserver(mend).observe(document.documentElement, {
  childList: true,
  subtree: true,
});
mend();
