import { expect, it } from "vitest";
import { may, rolesUpTo, safeNext } from "./session";

it("lets a role do what those below it may", () => {
  expect(may("admin", "operator")).toBe(true);
  expect(may("viewer", "operator")).toBe(false);
  expect(may("something newer", "viewer")).toBe(false);
  expect(may(undefined, "viewer")).toBe(false);
});

it("offers no role above one's own", () => {
  expect(rolesUpTo("operator")).toEqual(["viewer", "developer", "operator"]);
  expect(rolesUpTo(undefined)).toEqual([]);
});

it.each(["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", 3, "/sign-in?next=/"])(
  "does not go to %j after signing in",
  (next) => {
    expect(safeNext(next)).toBeUndefined();
  },
);

it("goes back to a page of the console", () => {
  expect(safeNext("/upgrade/tx_1?x=1")).toBe("/upgrade/tx_1?x=1");
});
