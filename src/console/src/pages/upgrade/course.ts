// Where a transaction stands on its line, from what the upgrade engine tells. Pure: no clock, no request.

import type { Tone } from "../../parts/state";

export const MAIN_LINE = [
  "VERIFIED",
  "STAGED",
  "PREFLIGHT",
  "SNAPSHOT",
  "SWITCHED",
  "RESTARTED",
  "PROBATION",
  "COMMITTED",
] as const;
/** A repair puts the files of the running release in order and switches nothing. */
export const REPAIR_LINE = ["VERIFIED", "STAGED", "COMMITTED"] as const;

export type Stop = (typeof MAIN_LINE)[number];
export type Ending = "committed" | "rolled_back" | "failed_safe" | "refused";

/** One record of the journal: `intent` before the effects that lead to a state, `done` after them; others are told. */
export interface Passage {
  state: string;
  phase: string;
  at: string;
}

export interface Journey {
  kind: string;
  state: string;
  verdict: string;
  passages?: readonly Passage[];
}

export interface StopView {
  stop: Stop;
  mark: "done" | "now" | "failed" | "todo";
  /** How long it took, in seconds. */
  took: number | undefined;
  /** Since when it is under way, in milliseconds since 1970. */
  since: number | undefined;
}

export interface Course {
  stops: StopView[];
  /** Set once the transaction turns round: the index of the stop it did not pass. */
  turnedAt: number | undefined;
  goingBack: boolean;
  ending: Ending | undefined;
  /** A rollback by stage0 alone, without the engine: it has no line, it only goes back. */
  direct: boolean;
}

const ENDINGS: readonly string[] = ["committed", "rolled_back", "failed_safe", "refused"];
const OFF_LINE: readonly string[] = ["ROLLING_BACK", "ROLLED_BACK", "FAILED_SAFE", "REFUSED"];

export function endingOf({ verdict }: { verdict: string }): Ending | undefined {
  return ENDINGS.includes(verdict) ? (verdict as Ending) : undefined;
}

export function courseOf(journey: Journey): Course {
  const line: readonly Stop[] = journey.kind === "repair" ? REPAIR_LINE : MAIN_LINE;
  const ending = endingOf(journey);
  const turned = OFF_LINE.includes(journey.state);
  const begun = new Map<string, number>();
  const done = new Map<string, number>();
  for (const { state, phase, at } of journey.passages ?? []) {
    if (phase === "done") done.set(state, Date.parse(at));
    if (phase === "intent") begun.set(state, Date.parse(at));
  }
  const last = ending === "committed" ? line.length - 1 : line.findLastIndex((stop) => done.has(stop));
  const stops = line.map((stop, index): StopView => {
    const former = line[index - 1];
    const from = begun.get(stop) ?? (former === undefined ? undefined : done.get(former));
    const until = done.get(stop);
    return {
      stop,
      mark: index <= last ? "done" : index > last + 1 ? "todo" : turned ? "failed" : "now",
      took: index <= last && from !== undefined && until !== undefined ? (until - from) / 1000 : undefined,
      since: index === last + 1 && !turned ? from : undefined,
    };
  });
  return {
    stops,
    turnedAt: turned ? Math.min(last + 1, line.length - 1) : undefined,
    goingBack: turned && ending === undefined,
    ending,
    direct: turned && !journey.passages?.some(({ state }) => (line as readonly string[]).includes(state)),
  };
}

/** A rollback that somebody asked for ends well when it is back. */
export function endingTone(ending: Ending, { direct }: { direct: boolean }): Tone {
  if (ending === "committed") return "ok";
  if (ending === "rolled_back") return direct ? "ok" : "warn";
  return "bad";
}
