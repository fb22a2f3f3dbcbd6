import { describe, expect, it } from "vitest";
import { courseOf, endingOf, type Journey, lineOf, MAIN_LINE } from "./course";

/** A journey whose records come one second apart; `STAGED?` is an intent, `STAGED` its end. */
function journey(words: string, kind = "upgrade"): Journey {
  const passages = words.split(" ").map((word, index) => ({
    state: word.replace("?", ""),
    phase: word.endsWith("?") ? "intent" : "done",
    at: 1_000_000 + index * 1000,
  }));
  const last = passages.at(-1) ?? { state: "IDLE", phase: "done" };
  return { kind, state: last.state, phase: last.phase, passages };
}

const marks = (words: string, kind?: string) => courseOf(journey(words, kind)).stops.map(({ mark }) => mark);
const GOOD = "VERIFIED? VERIFIED STAGED? STAGED PREFLIGHT? PREFLIGHT SNAPSHOT? SNAPSHOT SWITCHED? SWITCHED";

describe("courseOf", () => {
  it("shows the first stop under way when nothing is done", () => {
    expect(marks("VERIFIED?")).toEqual(["now", ...Array(7).fill("todo")]);
  });

  it("shows the stop after the last one done, between two records too", () => {
    const want = ["done", "done", "now", "todo", "todo", "todo", "todo", "todo"];
    expect(marks("VERIFIED? VERIFIED STAGED? STAGED")).toEqual(want);
    expect(marks("VERIFIED? VERIFIED STAGED? STAGED PREFLIGHT?")).toEqual(want);
  });

  it("gives every stop its time and the present one its beginning", () => {
    const { stops } = courseOf(journey("VERIFIED? VERIFIED STAGED? STAGED PREFLIGHT?"));
    expect(stops.map(({ tookMs }) => tookMs).slice(0, 3)).toEqual([1000, 1000, undefined]);
    expect(stops[2]?.sinceMs).toBe(1_004_000);
  });

  it("ends with every stop passed", () => {
    const course = courseOf(journey(`${GOOD} RESTARTED? RESTARTED PROBATION? PROBATION COMMITTED? COMMITTED`));
    expect(course.stops.every(({ mark }) => mark === "done")).toBe(true);
    expect(course).toMatchObject({ ending: "committed", goingBack: false, turnedAt: undefined });
  });

  it("turns round at the stop that was not passed", () => {
    const back = courseOf(journey(`${GOOD} RESTARTED? RESTARTED PROBATION? ROLLING_BACK?`));
    expect(back).toMatchObject({ turnedAt: 6, goingBack: true, ending: undefined });
    expect(back.stops.map(({ mark }) => mark).slice(5)).toEqual(["done", "failed", "todo"]);
    const home = courseOf(journey(`${GOOD} RESTARTED? RESTARTED PROBATION? ROLLING_BACK? ROLLING_BACK ROLLED_BACK`));
    expect(home).toMatchObject({ turnedAt: 6, goingBack: false, ending: "rolled-back" });
  });

  it("marks the stop at which a bundle was refused", () => {
    const course = courseOf(journey("VERIFIED? REFUSED"));
    expect(course).toMatchObject({ ending: "refused", turnedAt: 0 });
    expect(course.stops[0]?.mark).toBe("failed");
  });

  it("knows the way when the journal's records are gone and only the state is left", () => {
    const course = courseOf({ kind: "upgrade", state: "SWITCHED", phase: "done", passages: [] });
    expect(course.stops.map(({ mark }) => mark)).toEqual([
      "done",
      "done",
      "done",
      "done",
      "done",
      "now",
      "todo",
      "todo",
    ]);
  });
});

describe("lineOf", () => {
  it("leaves out what a rollback does not do, unless it did", () => {
    expect(lineOf(journey("SWITCHED?", "rollback"))).toEqual([
      "SNAPSHOT",
      "SWITCHED",
      "RESTARTED",
      "PROBATION",
      "COMMITTED",
    ]);
    expect(lineOf(journey("PREFLIGHT SWITCHED?", "rollback"))).toContain("PREFLIGHT");
    expect(lineOf(journey("VERIFIED?"))).toEqual(MAIN_LINE);
  });
});

it("ends only when the last record is written", () => {
  expect(endingOf({ state: "COMMITTED", phase: "intent" })).toBeUndefined();
  expect(endingOf({ state: "FAILED_SAFE", phase: "done" })).toBe("failed-safe");
  expect(endingOf({ state: "ROLLING_BACK", phase: "done" })).toBeUndefined();
});
