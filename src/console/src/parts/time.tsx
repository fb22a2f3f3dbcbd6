import { useEffect, useState } from "react";

const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** ISO text or Unix seconds, as the API sends either, to milliseconds; undefined for what is neither. */
export function instant(value: string | number | null | undefined): number | undefined {
  if (value === null || value === undefined || value === "") return undefined;
  const at = typeof value === "number" ? value * 1000 : Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

export function ago(at: number, now: number): string {
  const seconds = (at - now) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return Math.abs(seconds) < 5 ? "now" : RELATIVE.format(Math.trunc(seconds), "second");
}

export function span(seconds: number): string {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const rest = Math.floor(seconds);
  const minutes = Math.floor(rest / 60);
  if (minutes < 60) return `${minutes} min ${rest % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The present moment, renewed every `every` milliseconds while mounted. */
export function useNow(every: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** How long ago, with the exact time on hover. */
export function Ago({ at, none = "never" }: { at: string | number | null | undefined; none?: string }) {
  const now = useNow(15_000);
  const moment = instant(at);
  if (moment === undefined) return <span className="text-muted">{none}</span>;
  return (
    <time dateTime={new Date(moment).toISOString()} title={FULL.format(moment)} className="whitespace-nowrap">
      {ago(moment, Math.max(now, moment > now && moment - now < 5_000 ? moment : now))}
    </time>
  );
}

export function fullTime(at: string | number | null | undefined): string {
  const moment = instant(at);
  return moment === undefined ? "–" : FULL.format(moment);
}
