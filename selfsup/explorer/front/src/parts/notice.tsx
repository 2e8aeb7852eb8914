import type { ComponentChildren } from "preact";

/** A sentence where something else would stand: loading, nothing there, something wrong. */
export function Notice({ children, bad = false }: { children: ComponentChildren; bad?: boolean }) {
  return (
    <p class={bad ? "notice bad" : "notice"} role={bad ? "alert" : "status"}>
      {children}
    </p>
  );
}
