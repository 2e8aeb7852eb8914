import { useEffect, useRef } from "preact/hooks";
import { usePage } from "../page";
import { useKeys } from "./hooks";

const KEYS: [keys: string, what: string][] = [
  ["/", "find a galaxy by its id"],
  ["g, then m c g h l p", "go to the map, to choosing, the galaxy, the hunt, labels, to comparing"],
  ["Tab, Enter", "go from one thing to the next, open it"],
  ["← ↑ → ↓", "on the map: move; in a gallery: from picture to picture"],
  ["+ − Home", "on the map: closer, further away, all of it"],
  ["Enter", "on the map: the galaxies nearest to its centre"],
  ["Shift and drag", "on the map: draw a line around galaxies"],
  ["0 … 5", "in a hunt: how interesting the galaxy is"],
  ["u", "in a hunt: withdraw the last rating; in labelling: one answer back"],
  ["n", "in a hunt: learn, and show the next galaxies"],
  ["1 … 9", "in labelling: give that answer"],
  ["?", "these keys"],
];

/** Within which a second key follows "g". */
const LED_MS = 1200;

/** The list of keys, and those that work everywhere. */
export function Keys() {
  const { go, site, catalogues } = usePage();
  const dialog = useRef<HTMLDialogElement>(null);
  const led = useRef(0);
  const show = () => dialog.current?.showModal();
  useEffect(() => {
    window.addEventListener("show-keys", show);
    return () => window.removeEventListener("show-keys", show);
  }, []);
  const after = (act: () => void) => () => {
    if (performance.now() - led.current < LED_MS) act();
  };
  useKeys({
    "?": show,
    g: () => (performance.now() - led.current < LED_MS ? go({ view: "galaxy" }) : (led.current = performance.now())),
    m: after(() => go({ view: "map" })),
    c: after(() => go({ view: "choose" })),
    h: after(() => site.hunt && go({ view: "hunt" })),
    l: after(() => site.label && go({ view: "label" })),
    p: after(() => catalogues.length > 1 && go({ view: "compare" })),
  });
  return (
    <dialog ref={dialog} aria-label="Keys">
      <h2>Keys</h2>
      <table>
        <tbody>
          {KEYS.map(([keys, what]) => (
            <tr key={what}>
              <th scope="row">{keys}</th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
