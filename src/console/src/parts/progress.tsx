/** A bar for work whose length is known, a moving one for work whose length is not. */
export function Progress({
  label,
  percent,
  note,
}: {
  label: string;
  percent?: number | null | undefined;
  note?: string;
}) {
  const known = typeof percent === "number";
  const value = known ? Math.min(100, Math.max(0, percent)) : undefined;
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4 text-sm">
        <span className="font-medium">{label}</span>
        <span className="text-muted">{note ?? (value === undefined ? "" : `${Math.floor(value)} %`)}</span>
      </div>
      <div
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={value === undefined ? undefined : Math.floor(value)}
        className="relative h-1.5 overflow-hidden rounded-full bg-hover"
      >
        <div
          className={`h-full rounded-full bg-accent ${value === undefined ? "w-2/7 animate-sweep" : "transition-[width] duration-200"}`}
          style={value === undefined ? undefined : { width: `${value}%` }}
        />
      </div>
    </div>
  );
}
