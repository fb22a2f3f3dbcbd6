import { describe, expect, it } from "vitest";
import { serviceRows, unitState } from "./decision";

const unit = (name: string, active = "active", sub = "running", load = "loaded") => ({ name, active, sub, load });

it("puts a service and its socket or timer in one row, in the order they came", () => {
  const rows = serviceRows([
    unit("att-api.service"),
    unit("att-front.service"),
    unit("att-api.socket", "active", "listening"),
    unit("att-watchdog.timer", "active", "waiting"),
  ]);
  expect(rows.map(({ name, service, starter }) => [name, service?.name, starter?.name])).toEqual([
    ["att-api", "att-api.service", "att-api.socket"],
    ["att-front", "att-front.service", undefined],
    ["att-watchdog", undefined, "att-watchdog.timer"],
  ]);
});

describe("unitState", () => {
  it.each([
    [unit("x.service"), false, "running", "ok"],
    [unit("x.socket", "active", "listening"), false, "listening", "ok"],
    [unit("x.service", "active", "exited"), false, "done", "ok"],
    [unit("x.service", "inactive", "dead"), true, "idle", "still"],
    [unit("x.socket", "inactive", "dead"), false, "stopped", "still"],
    [unit("x.service", "inactive", "dead", "masked"), true, "masked", "warn"],
    [unit("x.service", "failed", "failed"), true, "failed", "bad"],
    [unit("x.service", "activating", "start"), false, "activating", "run"],
  ])("%j", (found, hasStarter, word, tone) => {
    expect(unitState(found, hasStarter)).toEqual({ word, tone });
  });
});
