// The hunt for what one finds interesting: rate a few galaxies, let the program learn, rate those that it offers next.

import { useEffect, useMemo, useState } from "preact/hooks";
import type { HuntState } from "../contract";
import { brief, usePage } from "../page";
import { Gallery } from "../parts/gallery";
import { useKeys, useLoad } from "../parts/hooks";
import { Legend } from "../parts/legend";
import { Notice } from "../parts/notice";
import { mapOf, PointMap, usePlaces } from "../parts/pointmap";
import { byNumbers, plain } from "../points/colours";
import { sorted } from "../criteria";
import { bytes, json, mayWrite, post } from "../server";

const RATINGS = [0, 1, 2, 3, 4, 5];
/** of expected ratings, that is told apart by colour */
const LEAST_RANGE = 0.2;
const MEANS = ["not at all", "", "", "", "", "very"];

export function HuntView() {
  const { site, catalogues } = usePage();
  const [hunt, setHunt] = useState<HuntState>();
  const [said, setSaid] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const told = useLoad(() => (site.hunt ? json<HuntState>("api/hunt") : Promise.resolve(undefined)), []);
  useEffect(() => {
    if (told.value) setHunt(told.value);
  }, [told.value]);
  const ask = async (path: string, body: unknown) => {
    setSaid(null);
    setBusy(true);
    try {
      setHunt((await (await post(path, body)).json()) as HuntState);
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  if (!site.hunt) return <Notice>This page has no hunt: it is a copy that nobody answers.</Notice>;
  if (told.error) return <Notice bad>{told.error}</Notice>;
  if (!hunt) return <Notice>Loading the hunt …</Notice>;
  return (
    <div class="split hunt">
      <div class="rate">
        {!mayWrite() && <Notice bad>You can look, but not rate: open the whole address that the program printed, with its #token=…</Notice>}
        {said && <Notice bad>{said}</Notice>}
        <Rate hunt={hunt} busy={busy} ask={ask} />
      </div>
      <aside aria-label="What was learned">
        <Interest hunt={hunt} />
        <Rated hunt={hunt} catalogue={catalogues[0]} />
      </aside>
    </div>
  );
}

interface RateShown {
  hunt: HuntState;
  busy: boolean;
  ask(path: string, body: unknown): Promise<void>;
}

function Rate({ hunt, busy, ask }: RateShown) {
  const { catalogues } = usePage();
  const catalogue = catalogues[0];
  const ratings = new Map(hunt.rated.map(([row, rating]) => [row, rating]));
  const [chosen, setChosen] = useState<number | null>(null);
  const open = hunt.batch.filter((row) => !ratings.has(row));
  const row = chosen !== null && hunt.batch.includes(chosen) ? chosen : (open[0] ?? null);
  const last = hunt.rated.at(-1)?.[0];
  const rate = (rating: number) => {
    if (row === null || busy) return;
    setChosen(null);
    void ask("api/hunt/rate", { row, rating });
  };
  const withdraw = () => last !== undefined && !busy && void ask("api/hunt/rate", { row: last, rating: null });
  const next = () => !busy && void ask("api/hunt/next", {});
  useKeys({ ...Object.fromEntries(RATINGS.map((rating) => [String(rating), () => rate(rating)])), u: withdraw, n: next });
  return (
    <>
      <p class="ask" role="status">
        {row === null ? (hunt.batch.length ? "All of these are rated. Learn from that, and look at the next ones." : "Nothing is left to rate.") : "How interesting is this galaxy?"}
      </p>
      {row !== null && <Subject row={row} />}
      <div class="ratings" role="group" aria-label="Rating">
        {RATINGS.map((rating) => (
          <button key={rating} type="button" disabled={row === null || busy} onClick={() => rate(rating)} aria-label={`${rating}${MEANS[rating] && `, ${MEANS[rating]}`}`}>
            {rating}
            <small>{MEANS[rating]}</small>
          </button>
        ))}
      </div>
      <p class="actions">
        <button type="button" onClick={next} disabled={busy || !hunt.rated.length} class={row === null ? "main" : undefined}>
          {busy || hunt.learning ? "Working …" : "Learn, next galaxies (n)"}
        </button>
        <button type="button" onClick={withdraw} disabled={busy || last === undefined}>
          Withdraw the last (u)
        </button>
      </p>
      <ul class="batch" aria-label="Galaxies to rate">
        {hunt.batch.map((one) => (
          <li key={one}>
            <button type="button" aria-current={one === row ? "true" : undefined} aria-label={`Row ${one}${ratings.has(one) ? `, rated ${ratings.get(one)}` : ", not rated"}`} onClick={() => setChosen(one)}>
              {catalogue.about.pictures === true ? <img src={catalogue.thumbnail(one)} alt="" /> : <span class="number">{one}</span>}
              <span class="given">{ratings.get(one) ?? " "}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The galaxy that is asked about. */
export function Subject({ row }: { row: number }) {
  const { catalogues } = usePage();
  const catalogue = catalogues[0];
  const id = useLoad(() => catalogue.id(row), [catalogue, row]).value ?? "";
  const { pictures } = catalogue.about;
  return (
    <figure class="subject" data-row={row}>
      {pictures === true ? <img class="portrait" src={catalogue.image(row)} alt={`galaxy ${id}`} /> : <div class="portrait none">{pictures}</div>}
      <figcaption class="name">{id}</figcaption>
    </figure>
  );
}

/** The whole range: what is interesting is rare. One so narrow that the map would show noise is widened. */
function ends(interest: Float32Array): [low: number, high: number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of interest) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return [low, Math.max(high, low + LEAST_RANGE)];
}

function Interest({ hunt }: { hunt: HuntState }) {
  const { catalogues, state, dark, go } = usePage();
  const catalogue = catalogues[0];
  const name = mapOf(catalogue, state.map);
  const { places, placed, error } = usePlaces(catalogue, name);
  const learned = useLoad(async () => (hunt.learned_from ? new Float32Array(await bytes("api/hunt/interest.bin")) : null), [hunt.learned_from, hunt.batch.join()]);
  const interest = learned.value ?? null;
  const colouring = useMemo(() => (interest ? byNumbers("expected rating", interest, ...ends(interest), "", dark) : plain(dark)), [interest, dark]);
  const marks = useMemo(() => ({ cross: null, rings: hunt.rated.map(([row]) => row), lasso: null }), [hunt.rated]);
  const best = useMemo(() => interest && sorted(new Uint8Array(interest.length).fill(1), interest, true).subarray(0, 500), [interest]);
  const open = (at: [number, number]) => placed && go({ catalogue: 0, view: "galaxy", row: placed.grid.nearest(...at, 1)[0] });
  return (
    <>
      <section>
        <h2>
          Interest <span class="count">{hunt.learned_from ? `learned from ${hunt.learned_from} ratings` : "nothing is learned yet"}</span>
        </h2>
        {learned.error && <Notice bad>{learned.error}</Notice>}
        <div class="small-map">
          <PointMap {...{ catalogue, name, places, placed, error, colouring, marks }} camera={state.camera} onLook={(camera) => go({ camera })} onClick={open} onLasso={() => undefined} />
        </div>
        <Legend legend={colouring.legend} />
      </section>
      {best && interest && (
        <section>
          <h2>Most interesting</h2>
          <Gallery catalogue={catalogue} rows={best} note={(row) => brief(Number(interest[row].toFixed(2)))} label="Most interesting galaxies" step={12} />
        </section>
      )}
    </>
  );
}

function Rated({ hunt, catalogue }: { hunt: HuntState; catalogue: ReturnType<typeof usePage>["catalogue"] }) {
  const rows = useMemo(() => hunt.rated.map(([row]) => row).reverse(), [hunt.rated]);
  const given = new Map(hunt.rated.map(([row, rating]) => [row, rating]));
  return (
    <section>
      <h2>
        Rated <span class="count">{rows.length}</span>
      </h2>
      <p class="actions">
        Save{" "}
        <a class="button" href="api/hunt/ratings.csv" download="ratings.csv">
          Ratings
        </a>{" "}
        {hunt.learned_from > 0 && (
          <a class="button" href="api/hunt/ranking.csv" download="ranking.csv">
            Ranking
          </a>
        )}
      </p>
      {rows.length ? <Gallery catalogue={catalogue} rows={rows} note={(row) => `${given.get(row)} of 5`} label="Rated galaxies" step={12} /> : <Notice>Nothing is rated yet.</Notice>}
    </section>
  );
}
