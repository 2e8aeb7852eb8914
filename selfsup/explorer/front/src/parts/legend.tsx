import { brief, said } from "../page";
import type { Legend as Told } from "../points/colours";

/** What the colours of a map mean. */
export function Legend({ legend }: { legend: Told }) {
  if (legend.kind === "none") return null;
  if (legend.kind === "word") {
    return (
      <ul class="legend words" aria-label={`Colours of ${legend.name}`}>
        {legend.entries.map((entry) => (
          <li key={entry.word}>
            <span class="swatch" style={{ background: entry.colour }} />
            <span class="word">{entry.word}</span> <span class="count">{said(entry.count)}</span>
          </li>
        ))}
      </ul>
    );
  }
  const unit = legend.unit ? ` ${legend.unit}` : "";
  return (
    <div class="legend" role="img" aria-label={`Colours of ${legend.name}: from ${brief(legend.low)} to ${brief(legend.high)}${unit}`}>
      <div class="ramp" style={{ background: `linear-gradient(to right, ${legend.stops.join(", ")})` }} />
      <div class="ends">
        <span>≤ {brief(legend.low)}</span>
        <span>{legend.unit}</span>
        <span>≥ {brief(legend.high)}</span>
      </div>
    </div>
  );
}
