import { useEffect, useRef, useState } from "preact/hooks";
import type { Catalogue } from "../catalogue";
import { link, said, usePage } from "../page";
import { follow } from "./header";
import { useLoad } from "./hooks";

const STEP = 48;

interface Shown {
  catalogue: Catalogue;
  rows: ArrayLike<number>;
  /** what stands below a picture beside the id */
  note?(row: number, place: number): string;
  /** rows that are told apart from the others */
  marked?: Set<number>;
  label: string;
  step?: number;
}

/** Pictures in a grid, some at first; arrows go from one to the next, Enter opens a galaxy. */
export function Gallery({ catalogue, rows, note, marked, label, step = STEP }: Shown) {
  const [most, setMost] = useState(step);
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    setMost(step);
    setAt(0);
  }, [rows, step]);
  const shown = Array.from({ length: Math.min(most, rows.length) }, (_, i) => rows[i]);
  const walk = (event: KeyboardEvent) => {
    const links = [...(list.current?.querySelectorAll<HTMLElement>("a") ?? [])];
    const across = links.filter((one) => one.offsetTop === links[0].offsetTop).length || 1;
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -links.length, End: links.length };
    const by = steps[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(links.length - 1, at + by));
    setAt(next);
    links[next].focus();
  };
  return (
    <>
      <ul ref={list} class="gallery" aria-label={label} onKeyDown={walk}>
        {shown.map((row, place) => (
          <Tile key={row} catalogue={catalogue} row={row} note={note?.(row, place)} marked={marked?.has(row)} reached={place === Math.min(at, shown.length - 1)} onFocus={() => setAt(place)} />
        ))}
      </ul>
      {rows.length > most && (
        <button type="button" class="more" onClick={() => setMost(most + 4 * step)}>
          Show more ({said(most)} of {said(rows.length)})
        </button>
      )}
    </>
  );
}

interface TileShown {
  catalogue: Catalogue;
  row: number;
  note?: string;
  marked?: boolean;
  reached: boolean;
  onFocus(): void;
}

function Tile({ catalogue, row, note, marked, reached, onFocus }: TileShown) {
  const page = usePage();
  const place = page.catalogues.indexOf(catalogue);
  const other = place === page.state.catalogue ? {} : { catalogue: place, at: null, lasso: null, camera: null };
  const change = { ...other, view: "galaxy" as const, row };
  const id = useLoad(() => catalogue.id(row), [catalogue, row]).value;
  return (
    <li class={marked ? "marked" : undefined}>
      <a href={link(page, change)} tabIndex={reached ? 0 : -1} onFocus={onFocus} onClick={(event) => follow(event, () => page.go(change))} title={id} data-row={row}>
        <Picture catalogue={catalogue} row={row} id={id ?? ""} />
        <span class="caption">{id ?? " "}</span>
        {note && <span class="note">{note}</span>}
      </a>
    </li>
  );
}

/** A thumbnail, or words where there is none. */
function Picture({ catalogue, row, id }: { catalogue: Catalogue; row: number; id: string }) {
  const [lost, setLost] = useState(false);
  if (catalogue.about.pictures !== true || lost) return <span class="picture none">no picture</span>;
  return <img class="picture" src={catalogue.thumbnail(row)} alt={`galaxy ${id}`} width={catalogue.about.size_px} height={catalogue.about.size_px} loading="lazy" decoding="async" onError={() => setLost(true)} />;
}
