import { expect, it } from "vitest";
import { standingOf } from "./decision";

const at = (iso: string) => Date.parse(iso);

it("is valid until the moment it expires", () => {
  const token = { revoked: null, expires: "2026-11-21T10:00:00Z" };
  expect(standingOf(token, at("2026-11-21T09:59:59Z"))).toBe("valid");
  expect(standingOf(token, at("2026-11-21T10:00:00Z"))).toBe("expired");
  expect(standingOf({ revoked: null, expires: null }, at("2100-01-01T00:00:00Z"))).toBe("valid");
});

it("stays revoked whether it has expired or not", () => {
  expect(standingOf({ revoked: "2026-11-20T10:00:00Z", expires: "2026-11-21T10:00:00Z" }, 0)).toBe("revoked");
});
