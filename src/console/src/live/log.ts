// Follows a job's log as NDJSON: survives restarts of the API by reading on from the last cursor.

import { useEffect, useState } from "react";
import { asProblem, Problem, problemFrom } from "../api/problem";
import type { components } from "../api/schema";
import { reconnectDelay } from "./decision";
import { LineReader } from "./ndjson";

export type LogLine = components["schemas"]["LogLine"];

const LINES_KEPT_MAX = 5_000;

export interface LogView {
  lines: readonly LogLine[];
  /** Lines that scrolled out of memory; the API still has them. */
  dropped: number;
  state: "following" | "reconnecting" | "ended" | "failed";
  problem?: Problem;
}

const wait = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** What one line of the stream is: a log line, the end of the log, an error, or nothing to act on. */
function meaning(value: unknown, response: Response): LogLine | "end" | Problem | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ("cursor" in value && "text" in value) return value as LogLine;
  if ("end" in value) return "end";
  return "problem" in value ? problemFrom(value.problem, response) : undefined;
}

/** Read one connection's worth; true when the log is complete, false when the connection was cut before that. */
async function readLog(url: string, signal: AbortSignal, take: (lines: LogLine[]) => void): Promise<boolean> {
  const response = await fetch(url, { signal, headers: { Accept: "application/x-ndjson" } });
  if (!response.ok) throw problemFrom(await response.json().catch(() => undefined), response);
  const reader = response.body?.getReader();
  const split = new LineReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) return false;
    const found = split.push(value).map((line) => meaning(line, response));
    const lines = found.filter((each): each is LogLine => typeof each === "object" && "cursor" in each);
    if (lines.length > 0) take(lines);
    const problem = found.find((each) => each instanceof Problem);
    if (problem !== undefined) throw problem;
    if (found.includes("end")) return true;
  }
  return false;
}

/**
 * Call `show` with each batch of lines until the log has ended or `signal` aborts. A connection that was cut (a
 * restart of the API) is opened again behind the last line. Throws a Problem that asking again will not mend.
 */
export async function followLog(
  jobId: string,
  show: (lines: LogLine[], state: LogView["state"]) => void,
  signal: AbortSignal,
  pause: typeof wait = wait,
): Promise<void> {
  let cursor: string | undefined;
  let failures = 0;
  const take = (lines: LogLine[]) => {
    cursor = lines.at(-1)?.cursor ?? cursor;
    failures = 0;
    show(lines, "following");
  };
  while (!signal.aborted) {
    const query = new URLSearchParams({ follow: "true", ...(cursor === undefined ? {} : { cursor }) });
    try {
      if (await readLog(`/api/v1/jobs/${encodeURIComponent(jobId)}/log?${query}`, signal, take)) {
        return show([], "ended");
      }
    } catch (error) {
      const problem = asProblem(error);
      if (signal.aborted) return;
      if (!problem.passing) throw problem;
    }
    show([], "reconnecting");
    await pause(reconnectDelay(failures, Math.random()), signal);
    failures += 1;
  }
}

export function useLog(jobId: string): LogView {
  const [view, setView] = useState<LogView>({ lines: [], dropped: 0, state: "following" });
  useEffect(() => {
    const stop = new AbortController();
    let waiting: LogLine[] = [];
    let state: LogView["state"] = "following";
    let frame = 0;
    const paint = () => {
      frame = 0;
      const fresh = waiting;
      waiting = [];
      setView((old) => {
        const lines = fresh.length > 0 ? [...old.lines, ...fresh] : old.lines;
        const over = Math.max(0, lines.length - LINES_KEPT_MAX);
        return { lines: over > 0 ? lines.slice(over) : lines, dropped: old.dropped + over, state };
      });
    };
    const show = (lines: LogLine[], now: LogView["state"]) => {
      waiting.push(...lines);
      state = now;
      frame ||= requestAnimationFrame(paint);
    };
    setView({ lines: [], dropped: 0, state: "following" });
    followLog(jobId, show, stop.signal).catch((error: unknown) =>
      setView((old) => ({ ...old, state: "failed", problem: asProblem(error) })),
    );
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
    };
  }, [jobId]);
  return view;
}
