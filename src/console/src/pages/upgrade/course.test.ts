import { describe, expect, it } from "vitest";
import { courseOf, endingOf, endingTone, type Journey } from "./course";

/** A journey whose records come one second apart; `STAGED?` is an intent, `STAGED` its end, `STAGED!` a decision. */
function journey(words: string, verdict = "running", kind = "upgrade"): Journey {
  const passages = words.split(" ").map((word, index) => ({
    state: word.replace(/[?!]/, ""),
    phase: word.endsWith("!") ? "rollback_policy" : word.endsWith("?") ? "intent" : "done",
    at: new Date(1_000_000 + index * 1_000).toISOString(),
  }));
  return { kind, verdict, state: passages.at(-1)?.state ?? "IDLE", passages };
}

const marks = (words: string) => courseOf(journey(words)).stops.map(({ mark }) => mark);
const SWITCHED = "VERIFIED? VERIFIED STAGED? STAGED PREFLIGHT? PREFLIGHT SNAPSHOT? SNAPSHOT SWITCHED? SWITCHED";
const TRIAL = `${SWITCHED} RESTARTED? RESTARTED PROBATION?`;

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
    expect(stops.map(({ took }) => took).slice(0, 3)).toEqual([1, 1, undefined]);
    expect(stops[2]?.since).toBe(1_004_000);
  });

  it("passes no stop for a decision about a rollback", () => {
    const { stops } = courseOf(journey(`${TRIAL} PROBATION!`));
    expect(stops).toEqual(courseOf(journey(TRIAL)).stops);
  });

  it("ends with every stop passed", () => {
    const course = courseOf(journey(`${TRIAL} PROBATION COMMITTED?`, "committed"));
    expect(course.stops.every(({ mark }) => mark === "done")).toBe(true);
    expect(course).toMatchObject({ ending: "committed", goingBack: false, turnedAt: undefined, direct: false });
  });

  it("turns round at the stop that was not passed", () => {
    const back = courseOf(journey(`${TRIAL} ROLLING_BACK?`));
    expect(back).toMatchObject({ turnedAt: 6, goingBack: true, ending: undefined, direct: false });
    expect(back.stops.map(({ mark }) => mark).slice(5)).toEqual(["done", "failed", "todo"]);
    const home = courseOf(journey(`${TRIAL} ROLLING_BACK? ROLLING_BACK ROLLED_BACK`, "rolled_back"));
    expect(home).toMatchObject({ turnedAt: 6, goingBack: false, ending: "rolled_back" });
  });

  it("marks the stop at which a bundle was refused", () => {
    const course = courseOf(journey("VERIFIED? REFUSED", "refused"));
    expect(course).toMatchObject({ ending: "refused", turnedAt: 0, direct: false });
    expect(course.stops[0]?.mark).toBe("failed");
  });

  it("knows a rollback by stage0, which has no line", () => {
    expect(courseOf(journey("ROLLING_BACK?", "running", "rollback"))).toMatchObject({ direct: true, goingBack: true });
  });

  it("gives a repair its short line", () => {
    const { stops } = courseOf(journey("VERIFIED? VERIFIED STAGED?", "running", "repair"));
    expect(stops.map(({ stop, mark }) => `${stop} ${mark}`)).toEqual(["VERIFIED done", "STAGED now", "COMMITTED todo"]);
  });

  it("takes a transaction without records as not begun", () => {
    expect(courseOf({ kind: "upgrade", state: "IDLE", verdict: "running", passages: [] }).stops[0]?.mark).toBe("now");
  });
});

it("ends with the engine's verdict alone", () => {
  expect(endingOf({ verdict: "running" })).toBeUndefined();
  expect(endingOf({ verdict: "failed_safe" })).toBe("failed_safe");
  expect(endingOf({ verdict: "something newer" })).toBeUndefined();
});

it("calls a way back good only where somebody asked for it", () => {
  expect(endingTone("rolled_back", { direct: false })).toBe("warn");
  expect(endingTone("rolled_back", { direct: true })).toBe("ok");
  expect(endingTone("refused", { direct: false })).toBe("bad");
});
