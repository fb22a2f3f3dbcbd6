import { expect, it } from "vitest";
import { needs } from "./overrule";

const checks = (bundle: string, baseline: string) => [
  { name: "bundle", status: bundle },
  { name: "baseline", status: baseline },
];

it("asks for nothing when every check passes", () => {
  expect(needs({ refusal: null, checks: checks("ok", "ok") })).toEqual({ overrules: [], possible: true });
});

it("asks for each thing that may be overruled", () => {
  const refusal = { code: "version_bad" };
  expect(needs({ refusal, checks: checks("failed", "failed") })).toEqual({
    overrules: ["force", "despite_baseline"],
    possible: true,
  });
  expect(needs({ refusal: { code: "baseline_sick" }, checks: checks("ok", "failed") })).toEqual({
    overrules: ["despite_baseline"],
    possible: true,
  });
});

it("is not possible when a refusal may not be overruled, whatever else may", () => {
  expect(needs({ refusal: { code: "bundle_foreign" }, checks: checks("failed", "failed") }).possible).toBe(false);
  expect(needs({ refusal: { code: "something_new" }, checks: [] }).possible).toBe(false);
  expect(needs({ refusal: null, checks: [{ name: "something new", status: "failed" }] }).possible).toBe(false);
});
