import { span } from "../../parts/time";
import type { Course, Stop, StopView } from "./course";

const SAYS: Record<Stop, { name: string; does: string }> = {
  VERIFIED: { name: "Verified", does: "Signature and every file checked" },
  STAGED: { name: "Staged", does: "Unpacked beside the running release" },
  PREFLIGHT: { name: "Preflight", does: "Space, data and health checked; the new release tests itself" },
  SNAPSHOT: { name: "Snapshot", does: "Data saved, a copy migrated" },
  SWITCHED: { name: "Switched", does: "Links point to the new release" },
  RESTARTED: { name: "Restarted", does: "Services run from it; connections wait, none is lost" },
  PROBATION: { name: "Probation", does: "Health gate asks from outside" },
  COMMITTED: { name: "Committed", does: "Proved healthy, kept" },
};

export const stopName = (stop: Stop): string => SAYS[stop].name;
export const stopDoes = (stop: Stop): string => SAYS[stop].does;

const DOT: Record<StopView["mark"], string> = {
  done: "border-accent bg-accent text-accent-ink",
  now: "border-accent bg-panel text-accent",
  failed: "border-warn bg-warn-soft text-warn",
  todo: "border-line bg-panel text-transparent",
};
const SAY: Record<StopView["mark"], string> = { done: "done", now: "under way", failed: "not passed", todo: "to come" };
const SHAPE: Record<StopView["mark"], string> = {
  done: "M4 8.5 7 11.5 12 5.5",
  now: "M8 8h.01",
  failed: "M5 5l6 6M11 5l-6 6",
  todo: "",
};

/**
 * The line of an upgrade. Left to right on a wide page, top to bottom on a narrow one. Until the last stop everything
 * can go back, which the open points before it show; a transaction that turns round is drawn on the siding below.
 */
export function Rail({ course, now }: { course: Course; now: number }) {
  return (
    <div data-rail>
      <ol className="flex flex-col md:grid md:auto-cols-fr md:grid-flow-col">
        {course.stops.map((view, index) => (
          <li
            key={view.stop}
            data-stop={view.stop}
            data-mark={view.mark}
            aria-current={view.mark === "now" ? "step" : undefined}
            className="relative flex min-h-14 gap-3 md:min-h-0 md:flex-col md:gap-2 md:pr-2"
          >
            {index < course.stops.length - 1 ? (
              <span
                aria-hidden="true"
                className={`absolute top-6 bottom-0 left-[0.6875rem] w-0.5 md:top-[0.6875rem] md:right-0 md:bottom-auto md:left-6 md:h-0.5 md:w-auto ${track(course, index)}`}
              />
            ) : null}
            <span
              aria-hidden="true"
              className={`relative flex size-6 shrink-0 items-center justify-center rounded-full border-2 ${DOT[view.mark]}`}
            >
              <svg
                aria-hidden="true"
                viewBox="0 0 16 16"
                className={`size-4 ${view.mark === "now" ? "animate-run" : ""}`}
                fill="none"
                stroke="currentColor"
                strokeWidth={view.mark === "now" ? 7 : 2.2}
                strokeLinecap="round"
                strokeLinejoin="round"
              >
                <path d={SHAPE[view.mark]} />
              </svg>
            </span>
            <div className="min-w-0 pb-3 md:pb-0">
              <p className={`font-medium ${view.mark === "todo" ? "text-muted" : ""}`}>
                {SAYS[view.stop].name}
                <span className="sr-only">: {SAY[view.mark]}</span>
              </p>
              <p className="text-xs text-muted">{took(view, now) ?? SAYS[view.stop].does}</p>
            </div>
          </li>
        ))}
      </ol>
      {course.turnedAt && course.ending !== "refused" ? <WayBack course={course} /> : null}
    </div>
  );
}

function track(course: Course, index: number): string {
  const next = course.stops[index + 1];
  if (next?.mark === "done") return "bg-accent";
  if (next?.mark === "now") return "bg-accent/40";
  return "bg-line";
}

function took(view: StopView, now: number): string | undefined {
  if (view.took !== undefined) return span(view.took);
  return view.since === undefined ? undefined : `${span(Math.max(0, now - view.since) / 1000)} so far`;
}

/** From the stop that was not passed back to the start. */
function WayBack({ course }: { course: Course }) {
  const stops = course.stops.length;
  const width = `${((course.turnedAt ?? 0) / stops) * 100}%`;
  const dead = course.ending === "failed_safe";
  const words = dead ? "The former release is not healthy either" : "Back on the former release";
  return (
    <div className="mt-2 max-md:hidden" aria-hidden="true">
      <div
        className={`relative ml-3 h-5 rounded-b-lg border-x-2 border-b-2 ${dead ? "border-bad" : "border-warn"} ${course.goingBack ? "border-dashed" : ""}`}
        style={{ width }}
      >
        <span
          className={`absolute -top-1.5 -left-[0.3125rem] size-2 rotate-45 border-t-2 border-l-2 ${dead ? "border-bad" : "border-warn"}`}
        />
      </div>
      {course.goingBack ? null : (
        <p className={`ml-3 pt-1 text-sm font-medium ${dead ? "text-bad" : "text-warn"}`}>{words}</p>
      )}
    </div>
  );
}
