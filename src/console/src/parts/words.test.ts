import { describe, expect, it } from "vitest";
import { bytes } from "./size";
import { toneOf } from "./state";
import { ago, instant, span } from "./time";

describe("bytes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [52_400_000, "52.4 MB"],
    [999_600, "1.0 MB"],
    [4_294_967_296, "4.3 GB"],
    [123_456_789, "123 MB"],
  ])("%d is %s", (count, said) => {
    expect(bytes(count)).toBe(said);
  });
});

describe("span", () => {
  it.each([
    [0.25, "0.3 s"],
    [-1, "0.0 s"],
    [59.9, "59 s"],
    [61, "1 min 1 s"],
    [3_725, "1 h 2 min"],
  ])("%d seconds is %s", (seconds, said) => {
    expect(span(seconds)).toBe(said);
  });
});

describe("instant", () => {
  it("reads ISO text and Unix seconds and nothing else", () => {
    expect(instant("1970-01-01T00:00:01Z")).toBe(1000);
    expect(instant(1)).toBe(1000);
    expect([null, undefined, "", "soon"].map((value) => instant(value))).toEqual(Array(4).fill(undefined));
  });
});

describe("ago", () => {
  it("says now, then seconds, minutes, hours and days, both ways", () => {
    expect(ago(0, 1_000)).toBe("now");
    expect(ago(0, 30_000)).toBe("30 sec. ago");
    expect(ago(0, 3_600_000)).toBe("1 hr. ago");
    expect(ago(5 * 86_400_000, 0)).toBe("in 5 days");
  });
});

describe("toneOf", () => {
  it("colours what it knows and leaves the rest plain", () => {
    expect(["ok", "DEGRADED", "error", "running"].map(toneOf)).toEqual(["ok", "warn", "bad", "run"]);
    expect(toneOf("wibble")).toBe("still");
  });
});
