import type { Catalogue } from "../catalogue";
import { plain as spelled } from "../catalogue";
import { usePage } from "../page";
import { byColumn, plain, type Colouring, type Legend as Told } from "../points/colours";
import { useLoad } from "./hooks";
import { Legend } from "./legend";
import { Notice } from "./notice";

/** Colours by a column; until its values are here, one for all. */
export function useColouring(catalogue: Catalogue, name: string | null): { colouring: Colouring; error: string | null } {
  const { dark } = usePage();
  const { value, error } = useLoad(async () => ({ name, dark, colouring: name ? await byColumn(catalogue, name, dark) : plain(dark) }), [catalogue, name, dark]);
  return { colouring: value && value.name === name && value.dark === dark ? value.colouring : standing(dark), error };
}

const STANDING = { dark: plain(true), light: plain(false) };
const standing = (dark: boolean) => (dark ? STANDING.dark : STANDING.light);

export function ColourChoice({ catalogue, legend, error }: { catalogue: Catalogue; legend: Told | undefined; error: string | null }) {
  const { state, go } = usePage();
  const about = state.colour ? catalogue.columns.get(state.colour) : undefined;
  const unknown = state.colour !== null && !about?.file;
  return (
    <>
      <label>
        Colour
        <select value={state.colour ?? ""} onChange={(event) => go({ colour: event.currentTarget.value || null })}>
          <option value="">none</option>
          {unknown && <option value={state.colour ?? ""}>{state.colour}</option>}
          {catalogue.drawable.map((column) => (
            <option key={column.name} value={column.name}>
              {column.name}
            </option>
          ))}
        </select>
      </label>
      {legend && <Legend legend={legend} />}
      {about?.description && <p class="about">{about.description}</p>}
      {unknown && <Notice bad>This catalogue has no column “{spelled(state.colour ?? "")}” that can colour a map.</Notice>}
      {error && <Notice bad>{error}</Notice>}
    </>
  );
}
