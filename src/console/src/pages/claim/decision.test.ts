import { expect, it } from "vitest";
import { passwordFault } from "./decision";

it("takes twelve characters of any kind and counts characters, not bytes", () => {
  expect(passwordFault("twelve chars")).toBeUndefined();
  expect(passwordFault("🔑".repeat(12))).toBeUndefined();
  expect(passwordFault("🔑".repeat(6))).toContain("6 more characters");
});

it("says how much is missing", () => {
  expect(passwordFault("")).toContain("12 characters or more");
  expect(passwordFault("eleven char")).toBe("Too short: 1 more character needed.");
});
