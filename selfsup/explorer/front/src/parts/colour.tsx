import type { Catalogue } from "../catalogue";
import { plain as spelled } from "../catalogue";
import type { State } from "../address";
import { usePage } from "../page";
import { byColumn, plain, type Colouring, type Legend as Told } from "../points/colours";
import { useLoad } from "./hooks";
import { Legend } from "./legend";
import { Notice } from "./notice";

/** The column that colours the map; null for none. */
export function colourOf(catalogue: Catalogue, state: State): string | null {
  return state.colour === null ? catalogue.colour : state.colour || null;
}

/** Colours by a column; until its values are here, one for all. */
export function useColouring(catalogue: Catalogue, name: string | null): { colouring: Colouring; error: string | null } {
  const { dark } = usePage();
  const { value, error } = useLoad(async () => ({ name, dark, colouring: name ? await byColumn(catalogue, name, dark) : plain(dark) }), [catalogue, name, dark]);
  return { colouring: value && value.name === name && value.dark === dark ? value.colouring : standing(dark), error };
}

const STANDING = { dark: plain(true), light: plain(false) };
const standing = (dark: boolean) => (dark ? STANDING.dark : STANDING.light);

interface ChoiceShown {
  catalogue: Catalogue;
  name: string | null;
  legend: Told | undefined;
  error: string | null;
}

export function ColourChoice({ catalogue, name, legend, error }: ChoiceShown) {
  const { go } = usePage();
  const about = name ? catalogue.columns.get(name) : undefined;
  const unknown = name !== null && !about?.file;
  return (
    <>
      <label>
        Colour
        <select value={name ?? ""} onChange={(event) => go({ colour: event.currentTarget.value })}>
          <option value="">none</option>
          {unknown && <option value={name}>{name}</option>}
          {catalogue.drawable.map((column) => (
            <option key={column.name} value={column.name}>
              {column.name}
            </option>
          ))}
        </select>
      </label>
      {legend && <Legend legend={legend} />}
      {about?.description && <p class="about">{about.description}</p>}
      {unknown && <Notice bad>This catalogue has no column “{spelled(name)}” that can colour a map.</Notice>}
      {error && <Notice bad>{error}</Notice>}
    </>
  );
}
