// The frame around the views: what is known of the site, the state and its address, light or dark, and the keys.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { read, write, type State, type View } from "./address";
import { Catalogue } from "./catalogue";
import type { Site } from "./contract";
import { Header } from "./parts/header";
import { useLoad } from "./parts/hooks";
import { Keys } from "./parts/keys";
import { Notice } from "./parts/notice";
import { PageContext, type Page } from "./page";
import { json, takeToken } from "./server";
import { ChooseView } from "./views/choose";
import { CompareView } from "./views/compare";
import { GalaxyView } from "./views/galaxy";
import { HuntView } from "./views/hunt";
import { LabelView } from "./views/label";
import { MapPage } from "./views/map";

const SHOWN: Record<View, () => preact.JSX.Element> = {
  map: MapPage,
  choose: ChooseView,
  galaxy: GalaxyView,
  hunt: HuntView,
  label: LabelView,
  compare: CompareView,
};
const ADDRESS_MS = 150;

export function App() {
  const opened = useLoad(open, []);
  const [state, go] = useAddress();
  const dark = useDark(state.theme);
  const page = useMemo<Page | null>(() => {
    if (!opened.value) return null;
    const { site, catalogues } = opened.value;
    return { site, catalogues, catalogue: catalogues[Math.min(state.catalogue, catalogues.length - 1)], state, dark, go };
  }, [opened.value, state, dark, go]);
  useEffect(() => {
    if (page) document.title = `${page.site.title}: ${state.view}`;
  }, [page, state.view]);
  if (opened.error) return <Notice bad>{opened.error}</Notice>;
  if (!page) return <Notice>Loading …</Notice>;
  const Shown = SHOWN[state.view];
  return (
    <PageContext.Provider value={page}>
      <Header />
      <main id="main" tabIndex={-1}>
        <Shown key={state.view === "compare" ? state.view : `${state.view} ${page.catalogue.path}`} />
      </main>
      <Keys />
    </PageContext.Provider>
  );
}

async function open(): Promise<{ site: Site; catalogues: Catalogue[] }> {
  const site = await json<Site>("site.json");
  return { site, catalogues: await Promise.all(site.catalogues.map((one) => Catalogue.open(one.path))) };
}

/** What is shown is always what the address says, rounded as it is there. The address follows a moment later. */
function useAddress(): [State, (change: Partial<State>) => void] {
  const [state, setState] = useState(() => read(location.hash));
  const now = useRef(state);
  const waiting = useRef(0);
  const show = (next: State) => {
    now.current = next;
    setState(next);
  };
  const go = useCallback((change: Partial<State>) => {
    const before = now.current;
    const address = write({ ...before, ...change });
    if (address === write(before)) return;
    clearTimeout(waiting.current);
    const next = read(address);
    if (next.view !== before.view || next.row !== before.row) {
      history.replaceState(null, "", write(before));
      history.pushState(null, "", address);
      if (next.view !== before.view) for (const one of [window, document.getElementById("main")]) one?.scrollTo(0, 0);
    } else {
      waiting.current = window.setTimeout(() => history.replaceState(null, "", write(now.current)), ADDRESS_MS);
    }
    show(next);
  }, []);
  useEffect(() => {
    const arrived = () => {
      clearTimeout(waiting.current);
      takeToken();
      show(read(location.hash));
    };
    // Following a link or Back; replaceState and pushState tell nobody.
    window.addEventListener("popstate", arrived);
    return () => window.removeEventListener("popstate", arrived);
  }, []);
  return [state, go];
}

function useDark(theme: State["theme"]): boolean {
  const wish = useMemo(() => window.matchMedia("(prefers-color-scheme: dark)"), []);
  const [wished, setWished] = useState(wish.matches);
  useEffect(() => {
    const changed = () => setWished(wish.matches);
    wish.addEventListener("change", changed);
    return () => wish.removeEventListener("change", changed);
  }, [wish]);
  const dark = theme ? theme === "dark" : wished;
  // Before the views draw, which read colours off the page.
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  return dark;
}
