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
/** A rollback that an operator asked for takes nothing in and proves nothing beforehand. */
export const BACK_LINE = ["SNAPSHOT", "SWITCHED", "RESTARTED", "PROBATION", "COMMITTED"] as const;

export type Stop = (typeof MAIN_LINE)[number];

/** What one record of the journal says: `intent` before the effects that lead to a state, `done` after them. */
export interface Passage {
  state: string;
  phase: string;
  /** Milliseconds since 1970. */
  at: number;
}

export interface Journey {
  kind: string;
  state: string;
  phase: string;
  passages: readonly Passage[];
}

export interface StopView {
  stop: Stop;
  mark: "done" | "now" | "failed" | "todo";
  /** How long it took, or since when it is under way, in milliseconds. */
  tookMs: number | undefined;
  sinceMs: number | undefined;
}

export type Ending = "committed" | "rolled-back" | "failed-safe" | "refused";

export interface Course {
  stops: StopView[];
  /** Set once the transaction turns round: the index of the stop it did not pass. */
  turnedAt: number | undefined;
  goingBack: boolean;
  ending: Ending | undefined;
}

const ENDINGS: Record<string, Ending> = {
  ROLLED_BACK: "rolled-back",
  FAILED_SAFE: "failed-safe",
  REFUSED: "refused",
};
const OFF_LINE = new Set(["ROLLING_BACK", "ROLLED_BACK", "FAILED_SAFE", "REFUSED"]);

export function endingOf({ state, phase }: { state: string; phase: string }): Ending | undefined {
  if (state === "COMMITTED") return phase === "done" ? "committed" : undefined;
  return phase === "done" ? ENDINGS[state] : undefined;
}

/** Which stops a transaction of this kind has. */
export function lineOf(journey: Journey): readonly Stop[] {
  if (journey.kind === "upgrade") return MAIN_LINE;
  const seen = new Set(journey.passages.map(({ state }) => state));
  return MAIN_LINE.filter((stop) => (BACK_LINE as readonly string[]).includes(stop) || seen.has(stop));
}

export function courseOf(journey: Journey): Course {
  const line = lineOf(journey);
  const turned = OFF_LINE.has(journey.state);
  const done = new Map<string, number>();
  const begun = new Map<string, number>();
  for (const { state, phase, at } of journey.passages) (phase === "done" ? done : begun).set(state, at);
  if (journey.phase === "done") done.set(journey.state, done.get(journey.state) ?? 0);
  const last = line.findLastIndex((stop) => done.has(stop));
  const now = last + 1;
  const stops = line.map((stop, index): StopView => {
    const from = begun.get(stop) ?? (index > 0 ? done.get(line[index - 1] as string) : undefined);
    const until = done.get(stop);
    const took = index <= last && from && until ? until - from : undefined;
    return {
      stop,
      mark: index <= last ? "done" : index > now ? "todo" : turned ? "failed" : "now",
      tookMs: took,
      sinceMs: index === now && !turned ? from : undefined,
    };
  });
  const ending = endingOf(journey);
  return { stops, turnedAt: turned ? Math.min(now, line.length - 1) : undefined, goingBack: turned && !ending, ending };
}

export const ENDING_TONES: Record<Ending, Tone> = {
  committed: "ok",
  "rolled-back": "warn",
  "failed-safe": "bad",
  refused: "bad",
};
