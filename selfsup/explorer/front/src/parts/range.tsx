import { useMemo } from "preact/hooks";
import { brief } from "../page";

const BARS = 48;
const STEPS = 200;

interface Shown {
  values: Float32Array | undefined;
  /** ends of the scale; a thumb at an end lets through whatever is beyond */
  from: number;
  to: number;
  low: number;
  high: number;
  label: string;
  onChange(low: number, high: number): void;
}

/** The distribution of a column and two thumbs on it. */
export function Range({ values, from, to, low, high, label, onChange }: Shown) {
  const step = (to - from) / STEPS || 1;
  const left = Number.isFinite(low) ? low : from;
  const right = Number.isFinite(high) ? high : to;
  const lower = (value: number) => onChange(value <= from ? -Infinity : Math.min(value, right), high);
  const upper = (value: number) => onChange(low, value >= to ? Infinity : Math.max(value, left));
  return (
    <div class="range">
      <Histogram values={values} from={from} to={to} low={left} high={right} />
      <div class="thumbs">
        <input type="range" min={from} max={to} step={step} value={left} aria-label={`${label}, at least`} onInput={(event) => lower(tidy(event.currentTarget.valueAsNumber, step))} />
        <input type="range" min={from} max={to} step={step} value={right} aria-label={`${label}, at most`} onInput={(event) => upper(tidy(event.currentTarget.valueAsNumber, step))} />
      </div>
      <div class="ends">
        <Bound label={`${label}, at least, as a number`} value={left} onChange={lower} />
        <span>to</span>
        <Bound label={`${label}, at most, as a number`} value={right} onChange={upper} />
      </div>
    </div>
  );
}

function Bound({ label, value, onChange }: { label: string; value: number; onChange(value: number): void }) {
  const changed = (field: HTMLInputElement) => (Number.isFinite(field.valueAsNumber) ? onChange(field.valueAsNumber) : (field.value = brief(value)));
  return <input type="number" step="any" aria-label={label} value={brief(value)} onChange={(event) => changed(event.currentTarget)} />;
}

function Histogram({ values, from, to, low, high }: { values: Float32Array | undefined; from: number; to: number; low: number; high: number }) {
  const counts = useMemo(() => values && count(values, from, to), [values, from, to]);
  const top = counts ? Math.max(1, ...counts) : 1;
  return (
    <svg class="histogram" viewBox={`0 0 ${BARS} 24`} preserveAspectRatio="none" aria-hidden="true">
      {counts &&
        Array.from(counts, (n, i) => {
          const middle = from + ((i + 0.5) / BARS) * (to - from);
          const tall = n ? Math.max(1, 24 * Math.sqrt(n / top)) : 0;
          return <rect key={i} class={middle >= low && middle <= high ? "in" : undefined} x={i + 0.08} width={0.84} y={24 - tall} height={tall} />;
        })}
    </svg>
  );
}

function count(values: Float32Array, from: number, to: number): Uint32Array {
  const counts = new Uint32Array(BARS);
  const scale = BARS / (to - from || 1);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    if (!Number.isNaN(value)) counts[Math.max(0, Math.min(BARS - 1, Math.floor((value - from) * scale)))]++;
  }
  return counts;
}

/** Without the dust of binary fractions: 0.35, not 0.35000000000000003. */
function tidy(value: number, step: number): number {
  return Number(value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(step)))));
}
