// One galaxy: its picture, what the votes say of it, its neighbours, where it is on the sky, where it comes from.

import { useState } from "preact/hooks";
import type { Value } from "../contract";
import { brief, link, said, usePage } from "../page";
import { Gallery } from "../parts/gallery";
import { follow } from "../parts/header";
import { useLoad } from "../parts/hooks";
import { Notice } from "../parts/notice";
import { Votes } from "../parts/votes";

export function GalaxyView() {
  const { catalogue, state } = usePage();
  if (state.row === null) return <Notice>No galaxy is chosen. Click on one in the map or in a gallery, or find one by its id ( / ).</Notice>;
  if (state.row >= catalogue.rows) return <Notice bad>This catalogue has {said(catalogue.rows)} galaxies; there is no row {state.row}.</Notice>;
  return <Galaxy key={state.row} row={state.row} />;
}

function Galaxy({ row }: { row: number }) {
  const page = usePage();
  const { catalogue, go } = page;
  const { value: values, error } = useLoad(() => catalogue.values(row), [catalogue, row]);
  const id = values?.get("id") ?? "";
  const there = { view: "map" as const, row };
  const show = async () => {
    const places = await catalogue.map(catalogue.about.maps.find((map) => map.name === page.state.map)?.name ?? catalogue.about.maps[0].name);
    const [x, y] = [places[2 * row], places[2 * row + 1]];
    go({ ...there, at: [x, y], camera: { x, y, zoom: Math.max(6, page.state.camera?.zoom ?? 1) } });
  };
  return (
    <article class="galaxy">
      <div class="bar">
        <h2 class="name">{String(id) || " "}</h2>
        <span class="count">row {row}</span>
        <a class="button" href={link(page, there)} onClick={(event) => follow(event, show)}>
          Show on the map
        </a>
      </div>
      {error && <Notice bad>{error}</Notice>}
      <div class="columns">
        <div>
          <Portrait row={row} id={String(id)} />
          <Surveys row={row} />
          {values && <Sky values={values} />}
          <Neighbours row={row} />
        </div>
        <section class="votes">
          <h2>What volunteers would say</h2>
          {catalogue.about.tree ? values && <Votes catalogue={catalogue} values={values} /> : <Notice>This catalogue has no votes. A catalogue of task=predict brings what volunteers would say.</Notice>}
        </section>
      </div>
      <div class="columns">
        <details>
          <summary>All columns</summary>
          <Table entries={[...(values ?? [])].map(([name, value]) => [name, value, catalogue.columns.get(name)?.unit])} />
        </details>
        <details>
          <summary>Where this catalogue comes from</summary>
          <Table entries={flat(catalogue.about.provenance)} />
        </details>
      </div>
    </article>
  );
}

function Portrait({ row, id }: { row: number; id: string }) {
  const { catalogue } = usePage();
  const [lost, setLost] = useState(false);
  const { pictures } = catalogue.about;
  if (pictures !== true) return <div class="portrait none">{pictures}</div>;
  if (lost) return <div class="portrait none">There is no picture of this galaxy.</div>;
  return <img class="portrait" src={catalogue.image(row)} alt={`galaxy ${id}`} onError={() => setLost(true)} />;
}

function Surveys({ row }: { row: number }) {
  const { catalogue } = usePage();
  const [lost, setLost] = useState<string[]>([]);
  const surveys = catalogue.about.surveys.filter((survey) => !lost.includes(survey));
  if (!surveys.length) return null;
  return (
    <section>
      <h2>As other surveys would see it</h2>
      <div class="surveys">
        {surveys.map((survey) => (
          <figure key={survey}>
            <img src={catalogue.view(row, survey)} alt={`as ${survey} would see it`} loading="lazy" onError={() => setLost([...lost, survey])} />
            <figcaption>{survey}</figcaption>
          </figure>
        ))}
      </div>
    </section>
  );
}

function Sky({ values }: { values: Map<string, Value> }) {
  const { place } = usePage().catalogue.about;
  if (!place) return null;
  const [ra, dec] = [values.get(place.ra), values.get(place.dec)];
  if (typeof ra !== "number" || typeof dec !== "number") return null;
  const at = `${ra.toFixed(5)} ${dec.toFixed(5)}`;
  const viewers = {
    "Legacy Survey viewer": `https://www.legacysurvey.org/viewer?ra=${ra}&dec=${dec}&layer=ls-dr10&zoom=15`,
    "Aladin Lite": `https://aladin.cds.unistra.fr/AladinLite/?target=${encodeURIComponent(`${ra} ${dec}`)}&fov=0.05`,
  };
  return (
    <p class="sky">
      RA, Dec <span class="number">{at}</span> °{" "}
      {Object.entries(viewers).map(([title, address]) => (
        <a key={title} href={address} target="_blank" rel="noopener noreferrer">
          {title} ↗
        </a>
      ))}
    </p>
  );
}

function Neighbours({ row }: { row: number }) {
  const { catalogue } = usePage();
  const { value, error } = useLoad(async () => {
    const near = await catalogue.near(row);
    return { rows: near.map(([other]) => other), alike: near.map(([, cosine]) => cosine) };
  }, [catalogue, row]);
  return (
    <section>
      <h2>
        Most alike <span class="count">cosine similarity of the embeddings</span>
      </h2>
      {error && <Notice bad>{error}</Notice>}
      {!value && !error && <Notice>Looking for the most alike …</Notice>}
      {value && !value.rows.length && <Notice>There is no other galaxy.</Notice>}
      {value && <Gallery catalogue={catalogue} rows={value.rows} note={(_, place) => value.alike[place].toFixed(3)} label="Galaxies most alike" />}
    </section>
  );
}

function Table({ entries }: { entries: [name: string, value: Value, unit?: string | null][] }) {
  return (
    <table class="values">
      <tbody>
        {entries.map(([name, value, unit]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{value === null ? "–" : typeof value === "number" && !Number.isInteger(value) ? brief(value) : String(value)} {value !== null && unit}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Nested values as a list of "outer.inner". */
function flat(values: Record<string, unknown>, before = ""): [string, Value][] {
  return Object.entries(values).flatMap(([name, value]) =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? flat(value as Record<string, unknown>, `${before}${name}.`) : [[before + name, typeof value === "string" || value === null ? value : JSON.stringify(value)] as [string, Value]],
  );
}
