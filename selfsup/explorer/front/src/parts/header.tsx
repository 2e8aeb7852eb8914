import { useRef, useState } from "preact/hooks";
import type { View } from "../address";
import { link, usePage } from "../page";
import { useKeys } from "./hooks";

const TITLES: Record<View, string> = { map: "Map", choose: "Choose", galaxy: "Galaxy", hunt: "Hunt", label: "Label", compare: "Compare" };

/** Title, the views that there are, a search by id, light or dark. */
export function Header() {
  const page = usePage();
  const { site, state, dark, go, catalogues } = page;
  const there: Record<View, boolean> = { map: true, choose: true, galaxy: true, hunt: site.hunt, label: site.label, compare: catalogues.length > 1 };
  const views = (Object.keys(TITLES) as View[]).filter((view) => there[view]);
  const theme = dark ? "light" : "dark";
  return (
    <header>
      <a class="skip" href="#main" onClick={(event) => follow(event, toMain)}>
        Skip to the content
      </a>
      <h1 title={page.catalogue.about.title}>{site.title}</h1>
      <nav aria-label="Views">
        {views.map((view) => (
          <a key={view} href={link(page, { view })} aria-current={state.view === view ? "page" : undefined} onClick={(event) => follow(event, () => go({ view }))}>
            {TITLES[view]}
          </a>
        ))}
      </nav>
      {catalogues.length > 1 && state.view !== "compare" && (
        <select
          aria-label="Catalogue"
          value={state.catalogue}
          onChange={(event) => go({ catalogue: Number(event.currentTarget.value), at: null, lasso: null, row: null, camera: null })}
        >
          {site.catalogues.map((one, i) => (
            <option key={one.path} value={i}>
              {one.title}
            </option>
          ))}
        </select>
      )}
      <Search />
      <button type="button" class="quiet icon" aria-label={`Switch to ${theme}`} title={`Switch to ${theme}`} onClick={() => go({ theme })}>
        {dark ? "☀" : "☾"}
      </button>
      <button type="button" class="quiet icon" aria-label="Keys" title="Keys (?)" onClick={() => window.dispatchEvent(new CustomEvent("show-keys"))}>
        ?
      </button>
    </header>
  );
}

function Search() {
  const { catalogue, go } = usePage();
  const [said, setSaid] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useKeys({ "/": () => field.current?.focus() });
  const search = async (event: Event) => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    if (!text) return;
    setSaid("Searching …");
    try {
      const row = await catalogue.find(text);
      setSaid(row < 0 ? "No galaxy has an id that begins so." : "");
      if (row < 0) return;
      go({ view: "galaxy", row });
      toMain();
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form role="search" onSubmit={search}>
      <input ref={field} type="search" aria-label="Find a galaxy by its id" placeholder="Find an id (/)" autocomplete="off" spellcheck={false} />
      <output role="status">{said}</output>
    </form>
  );
}

function toMain() {
  document.getElementById("main")?.focus();
}

/** A plain click stays on the page; with a key held, the browser opens the link as it is used to. */
export function follow(event: MouseEvent, act: () => void) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  act();
}
