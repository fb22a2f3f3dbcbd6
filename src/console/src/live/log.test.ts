import { afterEach, expect, it, vi } from "vitest";
import { followLog, type LogView } from "./log";

const line = (cursor: string) => JSON.stringify({ cursor, time: "2026-11-21T10:00:00Z", text: `line ${cursor}` });
const ndjson = (...lines: string[]) => new Response(lines.map((each) => `${each}\n`).join(""));
const noWait = async () => {};

function serve(...answers: (Response | Error)[]): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(url);
    const answer = answers.shift();
    if (answer === undefined) throw new Error("asked once too often");
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

async function follow() {
  const texts: string[] = [];
  const states: LogView["state"][] = [];
  const show = (lines: { text: string }[], state: LogView["state"]) => {
    texts.push(...lines.map(({ text }) => text));
    states.push(state);
  };
  await followLog("job_1", show, new AbortController().signal, noWait);
  return { texts, states };
}

it("reads to the end of a complete log", async () => {
  const asked = serve(ndjson(line("1"), line("2"), '{"end":true}'));
  expect(await follow()).toEqual({ texts: ["line 1", "line 2"], states: ["following", "ended"] });
  expect(asked).toEqual(["/api/v1/jobs/job_1/log?follow=true"]);
});

it("goes on behind the last line when the API restarts, without a gap or a double", async () => {
  const asked = serve(
    ndjson(line("1"), '{"reconnect":{"cursor":"1"}}'),
    new TypeError("connection refused"),
    new Response("{}", { status: 503 }),
    ndjson(line("2"), '{"end":true}'),
  );
  const { texts, states } = await follow();
  expect(texts).toEqual(["line 1", "line 2"]);
  expect(states).toContain("reconnecting");
  expect(asked.slice(1)).toEqual(Array(3).fill("/api/v1/jobs/job_1/log?follow=true&cursor=1"));
});

it("stops with the API's words when the job is unknown", async () => {
  serve(Response.json({ code: "job_unknown", detail: "cannot find the job" }, { status: 404 }));
  await expect(follow()).rejects.toMatchObject({ code: "job_unknown", message: "cannot find the job" });
});

it("stops when the stream itself tells of a problem", async () => {
  serve(ndjson(line("1"), JSON.stringify({ problem: { code: "not_allowed", detail: "cannot read on" } })));
  await expect(follow()).rejects.toMatchObject({ code: "not_allowed" });
});
