/** Names the queue board's buttons that show only a picture, for who cannot see it (WCAG 2.2, 4.1.2). */

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

function nameButtons(): void {
  for (const button of document.querySelectorAll('button:not([aria-label])')) {
    const picture = PICTURE.exec(button.querySelector('svg')?.getAttribute('class') ?? '')?.[0];
    if (picture !== undefined && button.textContent.trim() === '') {
      button.setAttribute('aria-label', NAMES[picture] ?? picture.replaceAll('-', ' '));
    }
  }
}

new MutationObserver(nameButtons).observe(document.documentElement, {
  childList: true,
  subtree: true,
});
nameButtons();
