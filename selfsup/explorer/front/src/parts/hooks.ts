// What is fetched or computed for a view, and its state while that lasts.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Loading<T> {
  value: T | undefined;
  error: string | null;
}

/** Keeps the value before while the next one comes; an answer that is late by then is dropped. */
export function useLoad<T>(load: () => Promise<T>, inputs: unknown[]): Loading<T> {
  const [found, setFound] = useState<Loading<T>>({ value: undefined, error: null });
  useEffect(() => {
    let wanted = true;
    load().then(
      (value) => wanted && setFound({ value, error: null }),
      (error: unknown) => wanted && setFound({ value: undefined, error: error instanceof Error ? error.message : String(error) }),
    );
    return () => {
      wanted = false;
    };
  }, inputs);
  return found;
}

/** Keys that a view answers to, except while somebody types. */
export function useKeys(keys: Record<string, () => void>): void {
  // Keys mean what is on the screen at once: other effects come later, when a fast typist has gone on.
  const now = useRef(keys);
  now.current = keys;
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
      const act = now.current[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches("input:not([type=range]):not([type=checkbox]), select, textarea") || target.isContentEditable);
}
