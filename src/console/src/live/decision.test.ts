import { describe, expect, it } from "vitest";
import { closing, pollInterval, readEvents, reconnectDelay, staleKeys } from "./decision";

describe("reconnectDelay", () => {
  it("doubles from half a second and never passes fifteen", () => {
    expect([0, 1, 2, 10, 1000].map((failures) => reconnectDelay(failures, 0.999_999))).toEqual([
      500, 1000, 2000, 15_000, 15_000,
    ]);
  });

  it("spreads pages over the second half of the delay", () => {
    expect(reconnectDelay(3, 0)).toBe(2000);
    expect(reconnectDelay(3, 0.5)).toBe(3000);
  });
});

describe("pollInterval", () => {
  it("asks seldom while events arrive and often while they do not", () => {
    expect(pollInterval("live", false, 4000)).toBe(false);
    expect(["off", "connecting", "waiting"].map((link) => pollInterval(link as "off", 60_000, 4000))).toEqual([
      4000, 4000, 4000,
    ]);
  });
});

describe("readEvents", () => {
  it("reads type, cursor and payload of each event of a batch and passes over what it does not know", () => {
    const event = { id: "1", event_type: "job.progress", cursor: "7", payload: { job_id: "job_1" } };
    expect(readEvents(JSON.stringify({ events: [event, 3, null, {}, { event_type: 1 }], cursor: "7" }))).toEqual([
      { type: "job.progress", cursor: "7", payload: { job_id: "job_1" } },
    ]);
  });

  it.each(["", "ping", "null", "[]", "{}", '{"events":3}', '{"events":'])("ignores %j", (frame) => {
    expect(readEvents(frame)).toEqual([]);
  });

  it("ignores binary frames", () => {
    expect(readEvents(new ArrayBuffer(2))).toEqual([]);
  });
});

describe("closing", () => {
  it("tells a lost session from a bad cursor from a restart from a broken line", () => {
    expect([4401, 1008, 1012, 1006].map(closing)).toEqual(["signed-out", "forget-cursor", "restart", "lost"]);
  });
});

describe("staleKeys", () => {
  it("refetches what the event is about", () => {
    expect(staleKeys("job.started")).toContain("status");
    expect(staleKeys("job.progress")).not.toContain("status");
    expect(staleKeys("upgrade.state")).toContain("upgrade");
    expect(staleKeys("token.revoked")).toContain("tokens");
    expect(staleKeys("disk.level")).toEqual(["status"]);
  });

  it("refetches everything after a gap and nothing for what it does not know", () => {
    expect(staleKeys("gap")).toBe("all");
    expect(staleKeys("git.commit")).toEqual([]);
    expect(staleKeys("jobless")).toEqual([]);
  });
});
