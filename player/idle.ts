/** Hides the controls while the picture plays and nobody moves. */

const IDLE_MS = 3_000;

/** Marks the player `is-idle`; touching the picture toggles the controls, clicking it pauses. */
export function hideWhenIdle(
  root: HTMLElement,
  video: HTMLVideoElement,
  options: { readonly isHeld: () => boolean; readonly onClick: () => void },
): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const sleep = (): void => {
    const mayHide = !video.paused && !options.isHeld();
    root.classList.toggle('is-idle', mayHide);
    if (!mayHide) {
      timer = setTimeout(sleep, IDLE_MS);
    }
  };
  const wake = (): void => {
    clearTimeout(timer);
    root.classList.remove('is-idle');
    timer = setTimeout(sleep, IDLE_MS);
  };
  root.addEventListener('pointermove', ({ pointerType }) => {
    if (pointerType !== 'touch') {
      wake();
    }
  });
  root.addEventListener('pointerleave', ({ pointerType }) => {
    if (pointerType !== 'touch') {
      clearTimeout(timer);
      sleep();
    }
  });
  root.addEventListener('focusin', wake);
  document.addEventListener('keydown', wake);
  for (const event of ['play', 'pause'] as const) {
    video.addEventListener(event, wake);
  }
  video.addEventListener('click', (event) => {
    if (event instanceof PointerEvent && event.pointerType === 'touch') {
      const wasHidden = root.classList.contains('is-idle');
      wake();
      root.classList.toggle('is-idle', !wasHidden && !video.paused);
    } else {
      options.onClick();
      wake();
    }
  });
  wake();
}
